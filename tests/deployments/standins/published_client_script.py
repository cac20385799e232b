"""Runs in the published client's own environment: reads JSON, calls it, writes JSON."""

import json
import os
import sys

EMAIL = "calibration@example.org"


def connect(given):
    """The client as its users make it."""
    from calibration_client import CalibrationClient

    if given.get("proxy"):
        return CalibrationClient(use_oauth2=False, base_api_url=f"{given['url']}/api/")
    return CalibrationClient(
        client_id=given["client_id"],
        client_secret=os.environ["CALCAT_SECRET"],
        token_url=f"{given['url']}/oauth/token",
        refresh_url=f"{given['url']}/oauth/token",
        auth_url=f"{given['url']}/oauth/authorize",
        scope="",
        user_email=EMAIL,
        base_api_url=f"{given['url']}/api/",
    )


def condition(voltage=180.0):
    """A detector condition as the facility's pipeline says it."""
    fields = {"lower_deviation_value": 5.0, "upper_deviation_value": 5.0, "flg_available": True}
    exact = fields | {"lower_deviation_value": 0.0, "upper_deviation_value": 0.0}
    return {
        "name": f"JF {voltage}",
        "parameters": [
            {"parameter_name": "Sensor Bias Voltage", "value": voltage, **fields},
            {"parameter_name": "Memory cells", "value": 1, **exact},
        ],
    }


def injection(name, begin, **version):
    """What is injected."""
    return {
        "report": {"name": "dark_900376_r15_r16_r17.pdf", "file_path": "/reports/dark_900376.pdf"},
        "detector_condition": condition(),
        "calibration_constant": {
            "calibration_name": "Offset",
            "detector_type_name": "jungfrau-Type",
            "flg_auto_approve": True,
        },
        "calibration_constant_version": {
            "name": name,
            "file_name": "cal.1690653395.1169305.h5",
            "path_to_file": "xfel/cal/jungfrau-type/jungfrau_m529/",
            "data_set_name": "/Jungfrau_M530/Offset/0",
            "pdu_physical_name": "Jungfrau_M530",
            "flg_good_quality": True,
            "begin_validity_at": begin,
            "end_validity_at": "",
            "begin_at": begin,
            "start_idx": 0,
            "end_idx": 0,
            "raw_data_location": "proposal:900376 runs:17 16 15",
            **version,
        },
    }


def inject_and_retrieve(client, given):
    """One injection twice, a second version, a hidden one, then every way of asking."""
    begins = given["begins"]
    inject = client.inject_new_calibration_constant_version
    out = {"first": inject(injection("first", begins[0]))}
    out["again"] = inject(injection("first", begins[0]))
    out["second"] = inject(injection("second", begins[1]))
    out["hidden"] = inject(injection("hidden", begins[2], flg_deployed="false"))
    wanted = {
        "detector_condition": condition(182.0),
        "calibration_name": "Offset",
        "detector_identifier": "FXE_XAD_JF1M",
        "pdu_karabo_da": "JNGFR01",
        "pdu_physical_name": "",
        "measured_at": given["at"],
        "snapshot_at": "",
    }
    for strategy in ("pdu_closest_by_time", "pdu_prior_in_time", "detector_closest_by_time"):
        found = client.retrieve_calibration_constant_version({**wanted, "strategy": strategy})
        out[strategy] = found
    out["all"] = client.retrieve_all_calibration_constant_versions(wanted)
    out["updated"] = client.update_calibration_constant_version(
        {"ccv_id": out["hidden"]["data"]["id"], "flg_deployed": True, "description": "now"}
    )
    out["after"] = client.retrieve_calibration_constant_version(wanted)
    return out


def retrieve(client, given):
    """The version that is closest."""
    wanted = {
        "detector_condition": condition(182.0),
        "calibration_name": "Offset",
        "pdu_physical_name": "Jungfrau_M530",
        "measured_at": given["at"],
        "snapshot_at": "",
    }
    return {"retrieved": client.retrieve_calibration_constant_version(wanted)}


def gets_and_sets(client, given):
    """Conditions, reports, units, filters, refusals."""
    from calibration_client.modules import (
        Calibration,
        CalibrationConstantVersion,
        Parameter,
        PhysicalDetectorUnit,
        Report,
    )

    report = {"name": "dark.pdf", "file_path": "/reports/dark.pdf"}
    by_conditions = {
        "parameters_conditions_attributes": [
            {"parameter_name": "Sensor Bias Voltage", "value": 181},
            {"parameter_name": "Memory cells", "value": 1},
        ]
    }
    out = {
        "nothing": client.search_possible_conditions_from_dict(None, condition()),
        "set": client.set_condition_from_dict(condition()),
        "set_again": client.set_condition_from_dict(condition()),
        "clash": client.set_condition_from_dict({**condition(99.0), "name": "JF 180.0"}),
        "search": client.search_condition_from_dict(None, condition(178.0)),
        "report": client.set_report(report),
        "report_again": client.set_report(report),
        "report_set": Report(client, "dark.pdf", "/reports/dark.pdf", True).set(),
        "units": client.get_all_phy_det_units_from_detector(
            {"detector_identifier": "FXE_XAD_JF1M", "pdu_snapshot_at": ""}
        ),
        "no_units": PhysicalDetectorUnit.get_all_by_detector(client, 99, ""),
        "no_name": Calibration.get_all_by_name(client, "no such"),
        "no_id": Calibration.get_by_id(client, -666),
    }
    inject = client.inject_new_calibration_constant_version
    ccv = inject(injection("one", "2023-07-29T17:56:36+00:00"))["data"]
    find = CalibrationConstantVersion
    out["by_detector"] = find.get_closest_by_time_by_detector_conditions(
        client, "FXE_XAD_JF1M", [1, 2], by_conditions, begin_at_strategy="prior"
    )
    out["by_report"] = find.get_by_report_id(client, ccv["report_id"])
    out["by_path"] = find.get_by_report_path(client, "/reports/dark_900376.pdf")
    out["whole_report"] = Report.get_by_id(client, ccv["report_id"])
    parameter = Parameter(client, "x", 1, True, False, 0.0, 0.0, "")
    out["created"] = parameter.create()
    out["taken"] = Parameter(client, "x", 1, True, False, 0.0, 0.0, "").create()
    parameter.name = "another"
    out["fixed"] = parameter.update()
    parameter.name = "x"
    out["deleted"] = parameter.delete()
    out["deleted_again"] = parameter.delete()
    out["me"] = client.get_current_user().json()
    return out


if __name__ == "__main__":
    given = json.load(sys.stdin)
    functions = {f.__name__: f for f in (inject_and_retrieve, retrieve, gets_and_sets)}
    json.dump(functions[sys.argv[1]](connect(given), given), sys.stdout)
