"""Files of open data: listed, summed up, bagged and fetched; closed ones are not there."""

import hashlib
import shutil
import subprocess
import urllib.request
import zipfile
from pathlib import Path

import bagit
import pytest
from sqlmodel import select

from api.manifests import Closed, pages
from api.public import PublicSite
from catalog.commands.data_policies import PolicyDocument, load_policies
from catalog.tables import DataGroup, DatasetFile, DoiRecord, Proposal
from policies.vocabulary import PageState, ReleaseState
from settings.data_policies import digest, read_policies
from settings.public import PublicSettings
from tests.api.public_story import NUMBERS, Clock, Reader, door, instant, served
from tests.catalog.open_story import BEFORE, END, PUBLISHER, ZONE, doi_of, tell
from tests.catalog.story import ADMIN

MANIFESTS = ("manifest-sha256.txt", "manifest-adler32.txt", "bag.zip", "files", "fetch.txt")
OPEN = f"/doi/{doi_of(NUMBERS[PageState.OPEN])}"
PARTIAL = f"/doi/{doi_of(NUMBERS[PageState.PARTIAL])}"


@pytest.fixture
def client(told, clock):
    return Reader(door(told, clock, locate=lambda _file: None))


def test_open_files_are_listed_with_their_sums(client):
    text = client.get(f"{OPEN}/files").text
    assert "4 files, 4 kB" in text
    assert "raw/r0002/RAW-R0002-DA02-S00000.h5" in text
    sums = client.get(f"{OPEN}/manifest-sha256.txt").text.splitlines()
    assert len(sums) == 4
    name = "RAW-R0001-DA01-S00000.h5"
    digest = hashlib.sha256(f"{NUMBERS[PageState.OPEN]}/1/{name}".encode()).hexdigest()
    assert sums[0] == f"{digest}  data/raw/r0001/{name}"
    assert client.get(f"{OPEN}/manifest-adler32.txt").text.startswith("00000001  data/raw/r0001/")
    url, size, path = client.get(f"{OPEN}/fetch.txt").text.splitlines()[0].split(" ")
    assert (size, path) == ("1000", f"data/raw/r0001/{name}")
    assert url == f"{PUBLISHER.base_url}{OPEN}/files/raw/r0001/{name}"
    assert client.get(OPEN).text.count("raw/r0001/") >= 2


def test_of_a_partly_open_proposal_only_the_open_run(client, clock):
    clock.at = instant(PageState.PARTIAL)
    for name in ("files", "manifest-sha256.txt", "linkset.json", "manifest-adler32.txt"):
        text = client.get(f"{PARTIAL}/{name}").text
        assert "r0001/" in text
        assert "r0002/" not in text
    assert "r0002/" not in client.get(PARTIAL).text


@pytest.mark.parametrize(
    "state", [one for one in NUMBERS if one not in {PageState.OPEN, PageState.PARTIAL}]
)
def test_closed_files_are_not_there(client, clock, state):
    clock.at = instant(state)
    path = f"/doi/{doi_of(NUMBERS[state])}"
    nothing = client.get("/nowhere").content
    real = "files/raw/r0001/RAW-R0001-DA01-S00000.h5"
    for name in (*MANIFESTS, real, "files/raw/r0001/none.h5"):
        answer = client.get(f"{path}/{name}")
        assert (answer.status_code, answer.content) == (404, nothing)
        assert client.head(f"{path}/{name}").status_code == 404


def test_a_long_list_has_pages(facility_database):
    with facility_database.write() as session:
        told = tell(session, 2050, ReleaseState.OPEN, runs=3, files=150)
        groups = select(DataGroup.id).where(DataGroup.proposal_id == told.proposal_id)
        last = max(session.exec(groups))
        query = select(DatasetFile).where(DatasetFile.data_group_id == last)
        odd = session.exec(query.order_by(DatasetFile.relative_path.desc())).first()
        odd.relative_path = "zz/100% of\n<b>&.h5"
    client = Reader(door(facility_database, Clock()))
    seen, address = [], f"/doi/{told.doi}/files"
    while address:
        text = client.get(address).text
        seen += [row.split("</th>")[0] for row in text.split('<th scope="row">')[1:]]
        following = text.partition('rel="next"')[0].rpartition('href="')[2]
        address = following.split('"')[0].replace(PUBLISHER.base_url, "")
        address = address if 'rel="next"' in text else ""
    assert len(seen) == len(set(seen)) == 450
    assert "raw/r0003/zz/100% of\n&lt;b&gt;&amp;.h5" in seen
    lines = client.get(f"/doi/{told.doi}/manifest-sha256.txt").text.splitlines()
    assert len(lines) == 450
    assert lines[-1].endswith("data/raw/r0003/zz/100%25 of%0A<b>&.h5")
    for after in ("x", "1", "9" * 400 + ":a", "0:\x00"):
        assert client.get(f"/doi/{told.doi}/files", params={"after": after}).status_code == 404
    # Nothing says where files can be fetched when this door does not hand them out.
    assert client.get(f"/doi/{told.doi}/fetch.txt").status_code == 404
    assert client.get(f"/doi/{told.doi}/bag.zip").status_code == 404
    assert "/files/raw" not in client.get(f"/doi/{told.doi}").text


def test_a_policy_says_which_kinds_of_data_open(facility_database):
    with facility_database.write() as session:
        told = tell(session, 2051, ReleaseState.OPEN)
        group = session.exec(
            select(DataGroup).where(DataGroup.proposal_id == told.proposal_id)
        ).first()
        group.data_group_type_id = 3
        (base,) = read_policies(("euxfel-2017",))
        document = {**base.document, "id": "raw-only"}
        document["embargo"] = {**document["embargo"], "covers": ["raw"]}
        given = PolicyDocument(document, digest(document))
        load_policies(session, [given], ADMIN, END)
        proposal = session.get_one(Proposal, told.proposal_id)
        proposal.policy_identifier, proposal.policy_version = "raw-only", 1
    text = Reader(door(facility_database, Clock())).get(f"/doi/{told.doi}/files").text
    assert "2 files" in text
    assert "proc/" not in text


def test_a_manifest_breaks_off_when_the_data_are_closed(facility_database, monkeypatch):
    monkeypatch.setattr("api.manifests.PAGE", 2)
    with facility_database.write() as session:
        told = tell(session, 2052, ReleaseState.OPEN, files=4)
    clock = Clock()
    source = pages(PublicSite(facility_database, PUBLISHER, ZONE, clock), told.doi)
    assert len(next(source)[1]) == 2
    clock.at = BEFORE
    with pytest.raises(Closed):
        next(source)


@pytest.fixture
def disk(facility_database, tmp_path):
    """An open proposal whose files are on disk, and the settings that hand them out."""
    with facility_database.write() as session:
        told = tell(session, 2060, ReleaseState.OPEN)
        query = select(DatasetFile, DataGroup).join(
            DataGroup, DataGroup.id == DatasetFile.data_group_id
        )
        for file, group in session.exec(query.where(DataGroup.proposal_id == told.proposal_id)):
            place = tmp_path / "store" / group.prefix_path.lstrip("/") / file.relative_path
            place.parent.mkdir(parents=True, exist_ok=True)
            content = file.filename.encode() * 50
            place.write_bytes(content)
            place.chmod(0o644)
            file.byte_size = len(content)
            file.sha256 = hashlib.sha256(content).hexdigest()
    settings = PublicSettings(
        publisher={
            "name": "X",
            "base_url": "https://data.example.org",
            "contact_email": "data@example.org",
        },
        files={"/": tmp_path / "store"},
    )
    return facility_database, told, settings


def test_a_bag_fetches_the_files_and_is_valid(disk, tmp_path):
    database, told, settings = disk
    with served(database, Clock(), locate=settings.locate) as base:
        packed, _ = urllib.request.urlretrieve(
            f"{base}/doi/{told.doi}/bag.zip", tmp_path / "bag.zip"
        )
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(tmp_path)
        folder = tmp_path / "xfel.eu-data-002060-00"
        for line in (folder / "fetch.txt").read_text().splitlines():
            url, size, path = line.split(" ", 2)
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            urllib.request.urlretrieve(url, place)
            assert place.stat().st_size == int(size)
    bag = bagit.Bag(str(folder))
    bag.validate()
    assert bag.info["External-Identifier"] == f"https://doi.org/{told.doi}"
    checked = subprocess.run(
        [shutil.which("sha256sum"), "--check", "--quiet", "manifest-sha256.txt"],
        cwd=folder,
        check=False,
    )
    assert checked.returncode == 0


def test_a_file_is_handed_out_whole_and_in_parts(disk):
    database, told, settings = disk
    client = Reader(door(database, Clock(), locate=settings.locate))
    path = f"/doi/{told.doi}/files/raw/r0001/RAW-R0001-DA01-S00000.h5"
    whole = client.get(path)
    assert whole.status_code == 200
    assert whole.headers["etag"] == f'"{hashlib.sha256(whole.content).hexdigest()}"'
    assert whole.headers["content-type"] == "application/x-hdf5"
    assert 'rel="collection"' in whole.headers["link"]
    part = client.get(path, headers={"Range": "bytes=4-9"})
    assert (part.status_code, part.content) == (206, whole.content[4:10])
    again = client.get(path, headers={"If-None-Match": whole.headers["etag"]})
    assert again.status_code == 304
    assert 'rel="item"' in client.get(f"/doi/{told.doi}").headers["link"]


def test_the_file_system_has_the_last_word(disk, tmp_path):
    database, told, settings = disk
    client = Reader(door(database, Clock(), locate=settings.locate))
    path = f"/doi/{told.doi}/files/raw/r0001/RAW-R0001-DA0{{}}-S00000.h5"
    first, second = sorted((tmp_path / "store").rglob("RAW-R0001*"))
    first.chmod(0o640)
    assert client.get(path.format(1)).status_code == 503
    outside = tmp_path / "outside"
    outside.write_bytes(second.read_bytes())
    second.unlink()
    second.symlink_to(outside)
    assert client.get(path.format(2)).status_code == 503
    second.unlink()
    second.write_bytes(b"shorter")
    assert client.get(path.format(2)).status_code == 503


def test_addresses_cannot_leave_the_list(disk):
    database, told, settings = disk
    client = Reader(door(database, Clock(), locate=settings.locate))
    for path in (
        "raw/../../etc/passwd",
        "raw//etc/passwd",
        "%2e%2e/%2e%2e/etc/passwd",
        "raw/%00/x",
    ):
        assert client.get(f"/doi/{told.doi}/files/{path}").status_code == 404


def test_the_map_names_what_is_public_and_nothing_else(client, told):
    index = client.get("/sitemap.xml")
    assert index.headers["content-type"] == "application/xml"
    assert "/sitemap-0.xml" in index.text
    text = client.get("/sitemap-0.xml").text
    for state, number in NUMBERS.items():
        shown = state not in {PageState.MINIMAL, PageState.HIDDEN, PageState.TOMBSTONE}
        assert (PUBLISHER.landing_url(doi_of(number)) in text) is shown
    with told.read() as session:
        drafts = select(DoiRecord.doi).where(DoiRecord.remote_state == "draft")
        closed = select(DoiRecord.doi).join(Proposal, Proposal.id == DoiRecord.proposal_id)
        closed = closed.where(Proposal.release_state == ReleaseState.RECLOSED)
        for doi in [*session.exec(drafts), *session.exec(closed)]:
            assert doi not in text
    assert client.get("/sitemap-7.xml").status_code == 404
    assert client.get("/sitemap-99999999999999999999.xml").status_code == 404
    assert "Sitemap: https://data.example.org/sitemap.xml" in client.get("/robots.txt").text


def test_settings_name_what_is_wrong():
    publisher = {"name": "X", "base_url": "https://x.org", "contact_email": "a@b"}
    for wrong in (
        {"base_url": "https://x.org/"},
        {"ror": "01wp2jz98"},
        {"contact_email": "nobody"},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            PublicSettings(publisher=publisher | wrong)
    with pytest.raises(ValueError, match="slash"):
        PublicSettings(publisher=publisher, files={"gpfs": Path("/x")})
    with pytest.raises(ValueError, match="harvest_domain"):
        PublicSettings(publisher=publisher, harvest_secret="0123456789abcdef")
