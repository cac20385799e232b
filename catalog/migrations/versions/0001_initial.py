"""Every table of the catalog.

Revision: 0001_a76a8b1f, after nothing.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001_a76a8b1f"
down_revision = None
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
INSTANT = sa.DateTime(timezone=True)
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:  # noqa: PLR0915
    op.create_table(
        "changes",
        sa.Column("seq", KEY, autoincrement=False, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column(
            "subject",
            sa.Enum(
                "proposal",
                "beamtime",
                "team",
                "step",
                "run",
                "files",
                "replica",
                "finding",
                "inbox",
                "obligation",
                "calibration",
                "execution",
                "dark-run",
                "constant",
                "release",
                "release-request",
                "release-sweep",
                "doi",
                "selection",
                "policy",
                "archival",
                "work",
                "reference",
                name="subject",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("proposal", sa.Integer(), nullable=True),
        sa.Column("run", sa.Integer(), nullable=True),
        sa.Column("event", sa.String(length=60), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("roles", JSON, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("policy", sa.String(length=60), nullable=False),
        sa.Column("override", JSON, nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_changes")),
    )
    op.create_index("ix_changes_proposal_seq", "changes", ["proposal", "seq"], unique=False)
    op.create_index("ix_changes_subject", "changes", ["subject", "subject_id"], unique=False)
    op.create_table(
        "data_group_types",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("identifier", sa.String(), nullable=False),
        sa.Column("flg_available", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_group_types")),
        sa.UniqueConstraint("identifier", name=op.f("uq_data_group_types_identifier")),
        sa.UniqueConstraint("name", name=op.f("uq_data_group_types_name")),
    )
    op.create_table(
        "experiment_types",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("identifier", sa.String(), nullable=False),
        sa.Column("flg_available", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experiment_types")),
        sa.UniqueConstraint("identifier", name=op.f("uq_experiment_types_identifier")),
        sa.UniqueConstraint("name", name=op.f("uq_experiment_types_name")),
    )
    op.create_table(
        "facilities",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("identifier", sa.String(), nullable=False),
        sa.Column("doi", sa.String(), nullable=True),
        sa.Column("flg_available", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("reference", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_facilities")),
        sa.UniqueConstraint("identifier", name=op.f("uq_facilities_identifier")),
    )
    op.create_table(
        "inbox",
        sa.Column("id", KEY, nullable=False),
        sa.Column("sender", sa.String(length=60), nullable=False),
        sa.Column("event_id", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.Column("speaks_for", JSON, nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "applied",
                "held",
                "refused",
                "ignored",
                name="inboxstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("answer", JSON, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.Column("proposal", sa.Integer(), nullable=True),
        sa.Column("run", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("sender", "event_id", name=op.f("uq_inbox_sender_event_id")),
    )
    op.create_index(
        "ix_inbox_held",
        "inbox",
        ["state", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'held'"),
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_table(
        "leases",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("holder", sa.String(length=200), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("acquired_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("released_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_leases")),
    )
    op.create_index(op.f("ix_leases_expires_at"), "leases", ["expires_at"], unique=False)
    op.create_table(
        "obligations",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column(
            "duty",
            sa.Enum(
                "remind-not-ready",
                "remind-review",
                "auto-start",
                "auto-finish",
                "auto-close",
                "lapse-rights",
                "auto-quality",
                "stale-open-run",
                "retry-migration",
                "calibration-deadline",
                "dark-deadline",
                name="duty",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("proposal", sa.Integer(), nullable=True),
        sa.Column("run", sa.Integer(), nullable=True),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_obligations")),
        sa.UniqueConstraint("key", name=op.f("uq_obligations_key")),
    )
    op.create_index(
        "ix_obligations_open",
        "obligations",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("settled_at IS NULL"),
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "flow",
                "event",
                "delivery",
                "notice",
                name="outboxkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("work", sa.String(length=60), nullable=False),
        sa.Column("parameters", JSON, nullable=False),
        sa.Column("proposal", sa.Integer(), nullable=True),
        sa.Column("run", sa.Integer(), nullable=True),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.Column("sent_to", sa.String(), nullable=False),
        sa.Column("concluded_at", INSTANT, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("given_up_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_key")),
    )
    op.create_index(
        "ix_outbox_ended",
        "outbox",
        ["concluded_at"],
        unique=False,
        sqlite_where=sa.text("concluded_at IS NOT NULL AND kind = 'flow'"),
        postgresql_where=sa.text("concluded_at IS NOT NULL AND kind = 'flow'"),
    )
    op.create_index("ix_outbox_subject", "outbox", ["proposal", "run"], unique=False)
    op.create_index(
        "ix_outbox_unconcluded",
        "outbox",
        ["sent_at"],
        unique=False,
        sqlite_where=sa.text("concluded_at IS NULL"),
        postgresql_where=sa.text("concluded_at IS NULL"),
    )
    op.create_index(
        "ix_outbox_unsent",
        "outbox",
        ["kind", "id"],
        unique=False,
        sqlite_where=sa.text("sent_at IS NULL AND given_up_at IS NULL"),
        postgresql_where=sa.text("sent_at IS NULL AND given_up_at IS NULL"),
    )
    op.create_table(
        "policy_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("identifier", sa.String(length=60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("document", JSON, nullable=False),
        sa.Column("valid_from", INSTANT, nullable=False),
        sa.Column("valid_to", INSTANT, nullable=True),
        sa.Column("loaded_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_versions")),
        sa.UniqueConstraint(
            "identifier", "version", name=op.f("uq_policy_versions_identifier_version")
        ),
    )
    op.create_table(
        "rehearsals",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("declared_by", sa.String(length=120), nullable=False),
        sa.Column("declared_at", INSTANT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_rehearsals_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rehearsals")),
    )
    op.create_table(
        "release_rounds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("begun_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("due", sa.Integer(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("byte_size", sa.BigInteger(), nullable=False),
        sa.Column("stopped", sa.Text(), nullable=False),
        sa.Column("confirmed_by", sa.String(), nullable=False),
        sa.Column("confirmed_at", INSTANT, nullable=True),
        sa.Column("details", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_release_rounds")),
    )
    op.create_index(
        op.f("ix_release_rounds_begun_at"), "release_rounds", ["begun_at"], unique=False
    )
    op.create_table(
        "sample_types",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("identifier", sa.String(), nullable=False),
        sa.Column("flg_available", sa.Boolean(), nullable=False),
        sa.Column("flg_proposal_system", sa.String(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sample_types")),
        sa.UniqueConstraint("identifier", name=op.f("uq_sample_types_identifier")),
        sa.UniqueConstraint("name", name=op.f("uq_sample_types_name")),
    )
    op.create_table(
        "techniques",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("identifier", sa.String(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("flg_available", sa.Boolean(), nullable=False),
        sa.Column("flg_xfel_available", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_techniques")),
        sa.UniqueConstraint("identifier", name=op.f("uq_techniques_identifier")),
        sa.UniqueConstraint("name", name=op.f("uq_techniques_name")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("contact_email", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("first_name", sa.String(), nullable=False),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("nickname", sa.String(), nullable=True),
        sa.Column("orcid", sa.String(), nullable=True),
        sa.Column("affiliation", sa.String(), nullable=False),
        sa.Column("affiliation_ror", sa.String(), nullable=False),
        sa.Column("flg_upex_acceptances", sa.Boolean(), nullable=False),
        sa.Column("upex_synced_at", INSTANT, nullable=True),
        sa.Column("ldap_synced_at", INSTANT, nullable=True),
        sa.Column("flg_ldap_account_valid", sa.Boolean(), nullable=False),
        sa.Column("flg_service_account", sa.Boolean(), nullable=False),
        sa.Column("ldap_ou", sa.String(), nullable=True),
        sa.Column("ldap_description", sa.String(), nullable=True),
        sa.Column("ldap_destination_indicator", sa.String(), nullable=True),
        sa.Column("logbook_user_id", sa.String(), nullable=True),
        sa.Column("roles", JSON, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=True),
        sa.Column("updated_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("uid", name=op.f("uq_users_uid")),
    )
    op.create_table(
        "repositories",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("identifier", sa.String(), nullable=False),
        sa.Column("img_url", sa.String(), nullable=True),
        sa.Column("mount_point", sa.String(), nullable=False),
        sa.Column("transfer_agent_identifier", sa.String(), nullable=False),
        sa.Column("transfer_agent_server_url", sa.String(), nullable=True),
        sa.Column("flg_context", sa.String(), nullable=False),
        sa.Column("flg_available", sa.Boolean(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("data_group_type_id", sa.Integer(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column(
            "tier",
            sa.Enum(
                "online",
                "offline",
                "dcache",
                "tape",
                "remote",
                name="tier",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["data_group_type_id"],
            ["data_group_types.id"],
            name=op.f("fk_repositories_data_group_type_id_data_group_types"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repositories")),
        sa.UniqueConstraint("identifier", name=op.f("uq_repositories_identifier")),
        sa.UniqueConstraint("name", name=op.f("uq_repositories_name")),
        sa.UniqueConstraint(
            "transfer_agent_identifier",
            "transfer_agent_server_url",
            name=op.f("uq_repositories_transfer_agent_identifier_transfer_agent_server_url"),
        ),
    )
    op.create_table(
        "instruments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("identifier", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("instrument_type_id", sa.Integer(), nullable=True),
        sa.Column("repository_id", sa.Integer(), nullable=False),
        sa.Column("topic_id", sa.Integer(), nullable=True),
        sa.Column("instrument_leader_id", sa.Integer(), nullable=True),
        sa.Column("deputy_instrument_leader_id", sa.Integer(), nullable=True),
        sa.Column("flg_online_resource", sa.Boolean(), nullable=False),
        sa.Column("online_script", sa.String(), nullable=True),
        sa.Column("system_user", sa.String(), nullable=True),
        sa.Column("dsg_host", sa.String(), nullable=True),
        sa.Column("doi", sa.String(), nullable=True),
        sa.Column("flg_available", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deputy_instrument_leader_id"],
            ["users.id"],
            name=op.f("fk_instruments_deputy_instrument_leader_id_users"),
        ),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facilities.id"], name=op.f("fk_instruments_facility_id_facilities")
        ),
        sa.ForeignKeyConstraint(
            ["instrument_leader_id"],
            ["users.id"],
            name=op.f("fk_instruments_instrument_leader_id_users"),
        ),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_instruments_repository_id_repositories"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instruments")),
        sa.UniqueConstraint("identifier", name=op.f("uq_instruments_identifier")),
    )
    op.create_index(
        op.f("ix_instruments_facility_id"), "instruments", ["facility_id"], unique=False
    )
    op.create_index(
        op.f("ix_instruments_repository_id"), "instruments", ["repository_id"], unique=False
    )
    op.create_table(
        "detectors",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("identifier", sa.String(length=64), nullable=False),
        sa.Column("karabo_id_control", sa.String(), nullable=False),
        sa.Column("detector_type", sa.String(length=20), nullable=False),
        sa.Column("instrument_id", sa.Integer(), nullable=False),
        sa.Column("source_name_pattern", sa.String(), nullable=False),
        sa.Column("number_of_modules", sa.Integer(), nullable=False),
        sa.Column("first_module_index", sa.Integer(), nullable=False),
        sa.Column("flg_available", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instrument_id"],
            ["instruments.id"],
            name=op.f("fk_detectors_instrument_id_instruments"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_detectors")),
        sa.UniqueConstraint("identifier", name=op.f("uq_detectors_identifier")),
    )
    op.create_index(
        op.f("ix_detectors_instrument_id"), "detectors", ["instrument_id"], unique=False
    )
    op.create_table(
        "instrument_cycles",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("identifier", sa.String(length=6), nullable=False),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("instrument_id", sa.Integer(), nullable=False),
        sa.Column("begin_at", INSTANT, nullable=False),
        sa.Column("end_at", INSTANT, nullable=False),
        sa.Column("start_call_at", INSTANT, nullable=True),
        sa.Column("close_call_at", INSTANT, nullable=True),
        sa.Column("flg_available", sa.Boolean(), nullable=False),
        sa.Column("flg_proposal_system", sa.String(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instrument_id"],
            ["instruments.id"],
            name=op.f("fk_instrument_cycles_instrument_id_instruments"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instrument_cycles")),
        sa.UniqueConstraint(
            "identifier",
            "instrument_id",
            name=op.f("uq_instrument_cycles_identifier_instrument_id"),
        ),
    )
    op.create_index(
        op.f("ix_instrument_cycles_instrument_id"),
        "instrument_cycles",
        ["instrument_id"],
        unique=False,
    )
    op.create_table(
        "instruments_users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instrument_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=2), nullable=False),
        sa.ForeignKeyConstraint(
            ["instrument_id"],
            ["instruments.id"],
            name=op.f("fk_instruments_users_instrument_id_instruments"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_instruments_users_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instruments_users")),
        sa.UniqueConstraint(
            "instrument_id",
            "user_id",
            "kind",
            name=op.f("uq_instruments_users_instrument_id_user_id_kind"),
        ),
    )
    op.create_index(
        op.f("ix_instruments_users_instrument_id"),
        "instruments_users",
        ["instrument_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_instruments_users_user_id"), "instruments_users", ["user_id"], unique=False
    )
    op.create_table(
        "physical_detector_units",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("physical_name", sa.String(length=64), nullable=False),
        sa.Column("karabo_da", sa.String(length=20), nullable=False),
        sa.Column("virtual_device_name", sa.String(), nullable=False),
        sa.Column("uuid", sa.String(), nullable=False),
        sa.Column("detector_id", sa.Integer(), nullable=False),
        sa.Column("module_number", sa.Integer(), nullable=False),
        sa.Column("flg_available", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["detector_id"],
            ["detectors.id"],
            name=op.f("fk_physical_detector_units_detector_id_detectors"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_physical_detector_units")),
        sa.UniqueConstraint(
            "detector_id",
            "karabo_da",
            name=op.f("uq_physical_detector_units_detector_id_karabo_da"),
        ),
        sa.UniqueConstraint("physical_name", name=op.f("uq_physical_detector_units_physical_name")),
    )
    op.create_table(
        "proposals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("abstract", sa.Text(), nullable=True),
        sa.Column("proposal_folder", sa.String(), nullable=False),
        sa.Column("def_proposal_path", sa.String(), nullable=False),
        sa.Column("doi", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("instrument_id", sa.Integer(), nullable=False),
        sa.Column("instrument_cycle_id", sa.Integer(), nullable=False),
        sa.Column("principal_investigator_id", sa.Integer(), nullable=True),
        sa.Column("main_proposer_id", sa.Integer(), nullable=True),
        sa.Column("local_contact_id", sa.Integer(), nullable=True),
        sa.Column("local_data_contact_id", sa.Integer(), nullable=True),
        sa.Column("experiment_data_contact_id", sa.Integer(), nullable=True),
        sa.Column("orig_repository_id", sa.Integer(), nullable=True),
        sa.Column("last_run", sa.Integer(), nullable=False),
        sa.Column("begin_at", INSTANT, nullable=True),
        sa.Column("end_at", INSTANT, nullable=True),
        sa.Column("release_at", INSTANT, nullable=True),
        sa.Column("opens_early_at", INSTANT, nullable=True),
        sa.Column(
            "release_state",
            sa.Enum(
                "embargoed",
                "opening",
                "open",
                "reclosed",
                "restricted",
                "withdrawn",
                name="releasestate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("release_since", INSTANT, nullable=True),
        sa.Column("restriction", sa.String(), nullable=False),
        sa.Column("openly_released_at", INSTANT, nullable=True),
        sa.Column("policy_identifier", sa.String(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("beamtime_start_at", INSTANT, nullable=True),
        sa.Column("beamtime_end_at", INSTANT, nullable=True),
        sa.Column("expected_data_archive_at", INSTANT, nullable=True),
        sa.Column("data_archived_at", INSTANT, nullable=True),
        sa.Column("num_delivered_shifts", sa.Integer(), nullable=True),
        sa.Column("num_preparation_shifts", sa.Integer(), nullable=True),
        sa.Column("num_scheduled_shifts", sa.Integer(), nullable=True),
        sa.Column(
            "flg_beamtime_status",
            sa.Enum(
                "N",
                "GOF",
                "GON",
                "R",
                "A",
                "F",
                "FR",
                "CLO",
                name="beamtimestate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("flg_proposal_system", sa.String(), nullable=False),
        sa.Column("flg_available", sa.Boolean(), nullable=False),
        sa.Column("flg_public", sa.Boolean(), nullable=False),
        sa.Column("flg_preferred_data_output", sa.String(), nullable=False),
        sa.Column("flg_auto_run_quality", sa.Integer(), nullable=False),
        sa.Column("flg_cloneable_status", sa.String(), nullable=False),
        sa.Column("flg_data_archived_notification", sa.String(), nullable=True),
        sa.Column("flg_visibility_status", sa.String(), nullable=False),
        sa.Column("data_plan_comments", sa.Text(), nullable=True),
        sa.Column("logbook_info", JSON, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("gid_participants", sa.Integer(), nullable=True),
        sa.Column("gid_data_managers", sa.Integer(), nullable=True),
        sa.Column("hold", sa.Text(), nullable=False),
        sa.Column("status_since", INSTANT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=True),
        sa.Column("updated_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["experiment_data_contact_id"],
            ["users.id"],
            name=op.f("fk_proposals_experiment_data_contact_id_users"),
        ),
        sa.ForeignKeyConstraint(
            ["instrument_cycle_id"],
            ["instrument_cycles.id"],
            name=op.f("fk_proposals_instrument_cycle_id_instrument_cycles"),
        ),
        sa.ForeignKeyConstraint(
            ["instrument_id"],
            ["instruments.id"],
            name=op.f("fk_proposals_instrument_id_instruments"),
        ),
        sa.ForeignKeyConstraint(
            ["local_contact_id"], ["users.id"], name=op.f("fk_proposals_local_contact_id_users")
        ),
        sa.ForeignKeyConstraint(
            ["local_data_contact_id"],
            ["users.id"],
            name=op.f("fk_proposals_local_data_contact_id_users"),
        ),
        sa.ForeignKeyConstraint(
            ["main_proposer_id"], ["users.id"], name=op.f("fk_proposals_main_proposer_id_users")
        ),
        sa.ForeignKeyConstraint(
            ["orig_repository_id"],
            ["repositories.id"],
            name=op.f("fk_proposals_orig_repository_id_repositories"),
        ),
        sa.ForeignKeyConstraint(
            ["principal_investigator_id"],
            ["users.id"],
            name=op.f("fk_proposals_principal_investigator_id_users"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposals")),
        sa.UniqueConstraint("gid_data_managers", name=op.f("uq_proposals_gid_data_managers")),
        sa.UniqueConstraint("gid_participants", name=op.f("uq_proposals_gid_participants")),
        sa.UniqueConstraint("number", name=op.f("uq_proposals_number")),
        sa.UniqueConstraint("proposal_folder", name=op.f("uq_proposals_proposal_folder")),
        sa.UniqueConstraint("url", name=op.f("uq_proposals_url")),
    )
    op.create_index(
        op.f("ix_proposals_flg_beamtime_status"), "proposals", ["flg_beamtime_status"], unique=False
    )
    op.create_index(
        op.f("ix_proposals_instrument_cycle_id"), "proposals", ["instrument_cycle_id"], unique=False
    )
    op.create_index(
        op.f("ix_proposals_instrument_id"), "proposals", ["instrument_id"], unique=False
    )
    op.create_index(op.f("ix_proposals_release_at"), "proposals", ["release_at"], unique=False)
    op.create_index(
        op.f("ix_proposals_release_state"), "proposals", ["release_state"], unique=False
    )
    op.create_index(
        "uq_proposals_active_per_instrument",
        "proposals",
        ["instrument_id"],
        unique=True,
        sqlite_where=sa.text("flg_beamtime_status = 'A'"),
        postgresql_where=sa.text("flg_beamtime_status = 'A'"),
    )
    op.create_table(
        "archivals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "planned",
                "noticed",
                "vetoed",
                "moving",
                "archived",
                name="archivalstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("state_since", INSTANT, nullable=False),
        sa.Column("expected_at", INSTANT, nullable=False),
        sa.Column("noticed_at", INSTANT, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", INSTANT, nullable=True),
        sa.Column("archived_at", INSTANT, nullable=True),
        sa.Column("proof", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposals.id"], name=op.f("fk_archivals_proposal_id_proposals")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archivals")),
    )
    op.create_index(op.f("ix_archivals_proposal_id"), "archivals", ["proposal_id"], unique=True)
    op.create_index(op.f("ix_archivals_state"), "archivals", ["state"], unique=False)
    op.create_table(
        "beamtimes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column("begin_at", INSTANT, nullable=False),
        sa.Column("end_at", INSTANT, nullable=False),
        sa.Column("flg_available", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("portal_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposals.id"], name=op.f("fk_beamtimes_proposal_id_proposals")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_beamtimes")),
    )
    op.create_index(op.f("ix_beamtimes_portal_id"), "beamtimes", ["portal_id"], unique=False)
    op.create_index(op.f("ix_beamtimes_proposal_id"), "beamtimes", ["proposal_id"], unique=False)
    op.create_table(
        "dark_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column("detector_id", sa.Integer(), nullable=False),
        sa.Column("detector_identifier", sa.String(), nullable=False),
        sa.Column("pdu_physical_names", sa.Text(), nullable=False),
        sa.Column("pdu_karabo_das", JSON, nullable=False),
        sa.Column("operation_mode_identifier", sa.String(), nullable=False),
        sa.Column("operation_mode_name", sa.String(), nullable=False),
        sa.Column("runs_info", sa.Text(), nullable=False),
        sa.Column(
            "flg_status",
            sa.Enum(
                "R",
                "W",
                "I",
                "F",
                "E",
                "X",
                name="darkstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("state_since", INSTANT, nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("requested_at", INSTANT, nullable=False),
        sa.Column("deadline_at", INSTANT, nullable=False),
        sa.Column("begin_at", INSTANT, nullable=True),
        sa.Column("end_at", INSTANT, nullable=True),
        sa.Column("size", sa.String(), nullable=False),
        sa.Column("report_url", sa.String(length=250), nullable=False),
        sa.Column("full_calcat_report_url", sa.String(), nullable=True),
        sa.Column("input_path", sa.String(), nullable=True),
        sa.Column("output_path", sa.String(), nullable=True),
        sa.Column("calcat_feedback", sa.Text(), nullable=False),
        sa.Column("cal_pipeline_full_feedback", sa.Text(), nullable=False),
        sa.Column("warnings", JSON, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["detector_id"], ["detectors.id"], name=op.f("fk_dark_runs_detector_id_detectors")
        ),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposals.id"], name=op.f("fk_dark_runs_proposal_id_proposals")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dark_runs")),
    )
    op.create_index(op.f("ix_dark_runs_detector_id"), "dark_runs", ["detector_id"], unique=False)
    op.create_index(
        "ix_dark_runs_open_since",
        "dark_runs",
        ["state_since"],
        unique=False,
        sqlite_where=sa.text("flg_status = 'R' OR flg_status = 'W' OR flg_status = 'I'"),
        postgresql_where=sa.text("flg_status = 'R' OR flg_status = 'W' OR flg_status = 'I'"),
    )
    op.create_index(op.f("ix_dark_runs_proposal_id"), "dark_runs", ["proposal_id"], unique=False)
    op.create_table(
        "doi_records",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("doi", sa.String(length=200), nullable=False),
        sa.Column("doi_key", sa.String(length=200), nullable=False),
        sa.Column(
            "subject_kind",
            sa.Enum(
                "proposal",
                "run",
                "data-group",
                "selection",
                "instrument",
                name="doisubject",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "wanted",
            sa.Enum(
                "draft",
                "registered",
                "findable",
                name="doistate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("published_at", INSTANT, nullable=True),
        sa.Column("issued_at", INSTANT, nullable=True),
        sa.Column("hidden_reason", sa.Text(), nullable=False),
        sa.Column("withdrawn_at", INSTANT, nullable=True),
        sa.Column("tombstone", JSON, nullable=False),
        sa.Column("superseded_by", sa.Integer(), nullable=True),
        sa.Column("attributes", JSON, nullable=False),
        sa.Column("attributes_hash", sa.String(length=64), nullable=False),
        sa.Column(
            "sync",
            sa.Enum(
                "planned",
                "verified",
                "stuck",
                name="doisync",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("sync_since", INSTANT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", INSTANT, nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("faults", JSON, nullable=False),
        sa.Column("remote_state", sa.String(), nullable=False),
        sa.Column("remote_url", sa.String(), nullable=False),
        sa.Column("remote_hash", sa.String(length=64), nullable=False),
        sa.Column("remote_registered_at", INSTANT, nullable=True),
        sa.Column("verified_at", INSTANT, nullable=True),
        sa.Column("datestamp", INSTANT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposals.id"], name=op.f("fk_doi_records_proposal_id_proposals")
        ),
        sa.ForeignKeyConstraint(
            ["superseded_by"],
            ["doi_records.id"],
            name=op.f("fk_doi_records_superseded_by_doi_records"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_doi_records")),
        sa.UniqueConstraint("doi_key", name=op.f("uq_doi_records_doi_key")),
        sa.UniqueConstraint(
            "subject_kind",
            "subject_id",
            "version",
            name=op.f("uq_doi_records_subject_kind_subject_id_version"),
        ),
    )
    op.create_index("ix_doi_records_harvest", "doi_records", ["datestamp", "id"], unique=False)
    op.create_index(
        op.f("ix_doi_records_proposal_id"), "doi_records", ["proposal_id"], unique=False
    )
    op.create_index(
        "ix_doi_records_unproved",
        "doi_records",
        ["next_try_at"],
        unique=False,
        sqlite_where=sa.text("sync = 'planned'"),
        postgresql_where=sa.text("sync = 'planned'"),
    )
    op.create_table(
        "experiments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("doi", sa.String(), nullable=False),
        sa.Column("abstract", sa.Text(), nullable=True),
        sa.Column("experiment_number", sa.Integer(), nullable=False),
        sa.Column("experiment_folder", sa.String(), nullable=False),
        sa.Column("experiment_type_id", sa.Integer(), nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column("flg_available", sa.Boolean(), nullable=False),
        sa.Column("publisher", sa.String(), nullable=False),
        sa.Column("contributor", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment_type_id"],
            ["experiment_types.id"],
            name=op.f("fk_experiments_experiment_type_id_experiment_types"),
        ),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposals.id"], name=op.f("fk_experiments_proposal_id_proposals")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experiments")),
        sa.UniqueConstraint(
            "proposal_id",
            "experiment_number",
            name=op.f("uq_experiments_proposal_id_experiment_number"),
        ),
        sa.UniqueConstraint("proposal_id", "name", name=op.f("uq_experiments_proposal_id_name")),
    )
    op.create_index(
        op.f("ix_experiments_proposal_id"), "experiments", ["proposal_id"], unique=False
    )
    op.create_table(
        "fundings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column("funder_name", sa.String(), nullable=False),
        sa.Column("funder_ror", sa.String(), nullable=False),
        sa.Column("award_number", sa.String(), nullable=False),
        sa.Column("award_title", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposals.id"], name=op.f("fk_fundings_proposal_id_proposals")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fundings")),
    )
    op.create_index(op.f("ix_fundings_proposal_id"), "fundings", ["proposal_id"], unique=False)
    op.create_table(
        "proposals_users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("data_access_role", sa.Integer(), nullable=False),
        sa.Column("flg_lab_access", sa.Boolean(), nullable=False),
        sa.Column("flg_support", sa.Boolean(), nullable=False),
        sa.Column("flg_deputy_local_contact", sa.Boolean(), nullable=False),
        sa.Column("role_description", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposals.id"], name=op.f("fk_proposals_users_proposal_id_proposals")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_proposals_users_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposals_users")),
        sa.UniqueConstraint(
            "proposal_id", "user_id", name=op.f("uq_proposals_users_proposal_id_user_id")
        ),
    )
    op.create_index(
        op.f("ix_proposals_users_proposal_id"), "proposals_users", ["proposal_id"], unique=False
    )
    op.create_index(
        op.f("ix_proposals_users_user_id"), "proposals_users", ["user_id"], unique=False
    )
    op.create_table(
        "provisioning_steps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column(
            "name",
            sa.Enum(
                "ldap-groups",
                "offline-folders",
                "offline-acls",
                "offline-quotas",
                "online-folders",
                "online-acls",
                "online-write-test",
                "batch-reservation",
                name="stepname",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "running",
                "done",
                "failed",
                "skipped",
                name="stepstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("proof", JSON, nullable=False),
        sa.Column("started_at", INSTANT, nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["proposal_id"],
            ["proposals.id"],
            name=op.f("fk_provisioning_steps_proposal_id_proposals"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provisioning_steps")),
        sa.UniqueConstraint(
            "proposal_id", "name", name=op.f("uq_provisioning_steps_proposal_id_name")
        ),
    )
    op.create_index(
        op.f("ix_provisioning_steps_proposal_id"),
        "provisioning_steps",
        ["proposal_id"],
        unique=False,
    )
    op.create_table(
        "publications",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column("doi", sa.String(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("published_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposals.id"], name=op.f("fk_publications_proposal_id_proposals")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publications")),
        sa.UniqueConstraint("proposal_id", "doi", name=op.f("uq_publications_proposal_id_doi")),
    )
    op.create_index(
        op.f("ix_publications_proposal_id"), "publications", ["proposal_id"], unique=False
    )
    op.create_table(
        "release_records",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column("part_release_id", sa.Integer(), nullable=False),
        sa.Column(
            "step",
            sa.Enum(
                "preflight",
                "digests",
                "reserve",
                "rights",
                "anonymous",
                "publish",
                "record",
                "tell",
                name="releasestep",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("proof", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposals.id"], name=op.f("fk_release_records_proposal_id_proposals")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_release_records")),
        sa.UniqueConstraint(
            "proposal_id",
            "part_release_id",
            "step",
            name=op.f("uq_release_records_proposal_id_part_release_id_step"),
        ),
    )
    op.create_index(
        op.f("ix_release_records_proposal_id"), "release_records", ["proposal_id"], unique=False
    )
    op.create_table(
        "release_requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "extension",
                "early",
                "partial",
                name="requestkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "asked",
                "approved",
                "refused",
                "withdrawn",
                "expired",
                name="requeststate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("state_since", INSTANT, nullable=False),
        sa.Column("runs", JSON, nullable=False),
        sa.Column("data_groups", JSON, nullable=False),
        sa.Column("wanted_at", INSTANT, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.String(length=120), nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("blocks_until", INSTANT, nullable=True),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_at", INSTANT, nullable=True),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("objections", JSON, nullable=False),
        sa.Column("reminded_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["proposal_id"],
            ["proposals.id"],
            name=op.f("fk_release_requests_proposal_id_proposals"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_release_requests")),
    )
    op.create_index(
        "ix_release_requests_asked",
        "release_requests",
        ["proposal_id"],
        unique=False,
        sqlite_where=sa.text("state = 'asked'"),
        postgresql_where=sa.text("state = 'asked'"),
    )
    op.create_index(
        op.f("ix_release_requests_proposal_id"), "release_requests", ["proposal_id"], unique=False
    )
    op.create_table(
        "samples",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=127), nullable=False),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("sample_type_id", sa.Integer(), nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column("flg_proposal_system", sa.String(), nullable=True),
        sa.Column("proposal_system_id", sa.String(), nullable=True),
        sa.Column("flg_available", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposals.id"], name=op.f("fk_samples_proposal_id_proposals")
        ),
        sa.ForeignKeyConstraint(
            ["sample_type_id"],
            ["sample_types.id"],
            name=op.f("fk_samples_sample_type_id_sample_types"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_samples")),
        sa.UniqueConstraint("proposal_id", "name", name=op.f("uq_samples_proposal_id_name")),
    )
    op.create_index(op.f("ix_samples_proposal_id"), "samples", ["proposal_id"], unique=False)
    op.create_table(
        "selections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(length=120), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposals.id"], name=op.f("fk_selections_proposal_id_proposals")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_selections")),
        sa.UniqueConstraint("proposal_id", "index", name=op.f("uq_selections_proposal_id_index")),
    )
    op.create_index(op.f("ix_selections_proposal_id"), "selections", ["proposal_id"], unique=False)
    op.create_table(
        "team_snapshots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column("taken_at", INSTANT, nullable=False),
        sa.Column("team_snapshot", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposals.id"], name=op.f("fk_team_snapshots_proposal_id_proposals")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team_snapshots")),
    )
    op.create_index(
        op.f("ix_team_snapshots_proposal_id"), "team_snapshots", ["proposal_id"], unique=False
    )
    op.create_table(
        "data_groups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("doi", sa.String(), nullable=False),
        sa.Column("data_group_type_id", sa.Integer(), nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column("experiment_id", sa.Integer(), nullable=True),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("prefix_path", sa.String(), nullable=False),
        sa.Column("flg_available", sa.Boolean(), nullable=False),
        sa.Column("flg_writing", sa.Boolean(), nullable=False),
        sa.Column("flg_public", sa.Boolean(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("data_passport", sa.String(), nullable=False),
        sa.Column("removed_at", INSTANT, nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("manifest_hash", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["data_group_type_id"],
            ["data_group_types.id"],
            name=op.f("fk_data_groups_data_group_type_id_data_group_types"),
        ),
        sa.ForeignKeyConstraint(
            ["experiment_id"],
            ["experiments.id"],
            name=op.f("fk_data_groups_experiment_id_experiments"),
        ),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposals.id"], name=op.f("fk_data_groups_proposal_id_proposals")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_data_groups_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_groups")),
    )
    op.create_index(
        op.f("ix_data_groups_proposal_id"), "data_groups", ["proposal_id"], unique=False
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column("run_number", sa.Integer(), nullable=False),
        sa.Column("run_folder", sa.String(), nullable=False),
        sa.Column("run_alias", sa.String(), nullable=True),
        sa.Column("experiment_id", sa.Integer(), nullable=False),
        sa.Column("sample_id", sa.Integer(), nullable=True),
        sa.Column("begin_at", INSTANT, nullable=False),
        sa.Column("end_at", INSTANT, nullable=True),
        sa.Column("first_train", sa.BigInteger(), nullable=False),
        sa.Column("last_train", sa.BigInteger(), nullable=True),
        sa.Column("flg_available", sa.Boolean(), nullable=False),
        sa.Column("flg_status", sa.Integer(), nullable=False),
        sa.Column("flg_run_quality", sa.Integer(), nullable=False),
        sa.Column("flg_auto_run_quality", sa.Integer(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("num_files", sa.Integer(), nullable=False),
        sa.Column("migration_request_at", INSTANT, nullable=True),
        sa.Column("migration_begin_at", INSTANT, nullable=True),
        sa.Column("migration_end_at", INSTANT, nullable=True),
        sa.Column("flg_cal_data_status", sa.String(), nullable=False),
        sa.Column("cal_pipeline_reply", sa.Text(), nullable=True),
        sa.Column("cal_num_requests", sa.Integer(), nullable=False),
        sa.Column("cal_last_request_at", INSTANT, nullable=True),
        sa.Column("cal_last_begin_at", INSTANT, nullable=True),
        sa.Column("cal_last_end_at", INSTANT, nullable=True),
        sa.Column("cal_input_path", sa.String(), nullable=True),
        sa.Column("cal_output_path", sa.String(), nullable=True),
        sa.Column("original_format", sa.String(), nullable=False),
        sa.Column("system_msg", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("run_technique_snapshot", JSON, nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "closed",
                "aborted",
                "not-interesting",
                "migration-requested",
                "migrating",
                "migration-failed",
                "migrated",
                name="runstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("state_since", INSTANT, nullable=False),
        sa.Column("inspected_at", INSTANT, nullable=True),
        sa.Column("manifest_hash", sa.String(), nullable=False),
        sa.Column("migration_attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiments.id"], name=op.f("fk_runs_experiment_id_experiments")
        ),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposals.id"], name=op.f("fk_runs_proposal_id_proposals")
        ),
        sa.ForeignKeyConstraint(
            ["sample_id"], ["samples.id"], name=op.f("fk_runs_sample_id_samples")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint(
            "proposal_id", "run_number", name=op.f("uq_runs_proposal_id_run_number")
        ),
    )
    op.create_index(op.f("ix_runs_experiment_id"), "runs", ["experiment_id"], unique=False)
    op.create_index("ix_runs_state_since", "runs", ["state", "state_since"], unique=False)
    op.create_index(
        "ix_runs_uninspected",
        "runs",
        ["state_since"],
        unique=False,
        sqlite_where=sa.text("inspected_at IS NULL"),
        postgresql_where=sa.text("inspected_at IS NULL"),
    )
    op.create_table(
        "calibration_requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "R",
                "W",
                "I",
                "A",
                "E",
                "NA",
                "X",
                name="calibrationstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("state_since", INSTANT, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("detectors", JSON, nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("requested_at", INSTANT, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("deadline_at", INSTANT, nullable=False),
        sa.Column("begin_at", INSTANT, nullable=True),
        sa.Column("end_at", INSTANT, nullable=True),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("feedback", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["proposal_id"],
            ["proposals.id"],
            name=op.f("fk_calibration_requests_proposal_id_proposals"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_calibration_requests_run_id_runs")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calibration_requests")),
    )
    op.create_index(
        "ix_calibration_requests_open_since",
        "calibration_requests",
        ["state_since"],
        unique=False,
        sqlite_where=sa.text("state = 'R' OR state = 'W' OR state = 'I'"),
        postgresql_where=sa.text("state = 'R' OR state = 'W' OR state = 'I'"),
    )
    op.create_index(
        op.f("ix_calibration_requests_proposal_id"),
        "calibration_requests",
        ["proposal_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_calibration_requests_run_id"), "calibration_requests", ["run_id"], unique=False
    )
    op.create_index(
        "uq_calibration_requests_open",
        "calibration_requests",
        ["run_id"],
        unique=True,
        sqlite_where=sa.text("state = 'R' OR state = 'W' OR state = 'I'"),
        postgresql_where=sa.text("state = 'R' OR state = 'W' OR state = 'I'"),
    )
    op.create_table(
        "dark_runs_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dark_run_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["dark_run_id"], ["dark_runs.id"], name=op.f("fk_dark_runs_runs_dark_run_id_dark_runs")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_dark_runs_runs_run_id_runs")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dark_runs_runs")),
        sa.UniqueConstraint(
            "dark_run_id", "position", name=op.f("uq_dark_runs_runs_dark_run_id_position")
        ),
    )
    op.create_index(op.f("ix_dark_runs_runs_run_id"), "dark_runs_runs", ["run_id"], unique=False)
    op.create_table(
        "data_files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("data_group_id", sa.Integer(), nullable=False),
        sa.Column("files", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["data_group_id"],
            ["data_groups.id"],
            name=op.f("fk_data_files_data_group_id_data_groups"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_files")),
    )
    op.create_index(
        op.f("ix_data_files_data_group_id"), "data_files", ["data_group_id"], unique=False
    )
    op.create_table(
        "data_groups_repositories",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("data_group_id", sa.Integer(), nullable=False),
        sa.Column("repository_id", sa.Integer(), nullable=False),
        sa.Column("flg_available", sa.Boolean(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "planned",
                "copying",
                "verified",
                "suspect",
                "gone",
                name="replicastate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("state_since", INSTANT, nullable=False),
        sa.Column("verified_at", INSTANT, nullable=True),
        sa.Column("manifest_hash", sa.String(), nullable=False),
        sa.Column("num_files", sa.Integer(), nullable=False),
        sa.Column("byte_size", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("proof", JSON, nullable=False),
        sa.Column("tape", sa.String(), nullable=False),
        sa.Column("tape_seen_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["data_group_id"],
            ["data_groups.id"],
            name=op.f("fk_data_groups_repositories_data_group_id_data_groups"),
        ),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_data_groups_repositories_repository_id_repositories"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_groups_repositories")),
        sa.UniqueConstraint(
            "data_group_id",
            "repository_id",
            name=op.f("uq_data_groups_repositories_data_group_id_repository_id"),
        ),
    )
    op.create_index(
        op.f("ix_data_groups_repositories_repository_id"),
        "data_groups_repositories",
        ["repository_id"],
        unique=False,
    )
    op.create_index(
        "ix_data_groups_repositories_unproved",
        "data_groups_repositories",
        ["state_since"],
        unique=False,
        sqlite_where=sa.text("state <> 'verified' AND state <> 'gone'"),
        postgresql_where=sa.text("state <> 'verified' AND state <> 'gone'"),
    )
    op.create_table(
        "dataset_files",
        sa.Column("id", KEY, nullable=False),
        sa.Column("data_group_id", sa.Integer(), nullable=False),
        sa.Column("data_group_type_id", sa.Integer(), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("relative_path", sa.String(), nullable=False),
        sa.Column("flg_available", sa.Boolean(), nullable=False),
        sa.Column("flg_immutable", sa.Boolean(), nullable=False),
        sa.Column("file_creation_at", INSTANT, nullable=True),
        sa.Column("byte_size", sa.BigInteger(), nullable=False),
        sa.Column("checksum", sa.String(length=8), nullable=False),
        sa.Column("checksum_algorithm", sa.String(), nullable=False),
        sa.Column("xxh3_128", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("first_train", sa.BigInteger(), nullable=True),
        sa.Column("last_train", sa.BigInteger(), nullable=True),
        sa.Column("num_trains", sa.Integer(), nullable=True),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["data_group_id"],
            ["data_groups.id"],
            name=op.f("fk_dataset_files_data_group_id_data_groups"),
        ),
        sa.ForeignKeyConstraint(
            ["data_group_type_id"],
            ["data_group_types.id"],
            name=op.f("fk_dataset_files_data_group_type_id_data_group_types"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dataset_files")),
        sa.UniqueConstraint(
            "data_group_id",
            "relative_path",
            name=op.f("uq_dataset_files_data_group_id_relative_path"),
        ),
    )
    op.create_table(
        "findings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("repository_id", sa.Integer(), nullable=False),
        sa.Column("check_name", sa.String(length=60), nullable=False),
        sa.Column(
            "severity",
            sa.Enum(
                "info",
                "warning",
                "error",
                name="severity",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("blocks_migration", sa.Boolean(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.Column("found", sa.Text(), nullable=False),
        sa.Column("first_seen", INSTANT, nullable=False),
        sa.Column("last_seen", INSTANT, nullable=False),
        sa.Column("resolved_at", INSTANT, nullable=True),
        sa.Column("resolved_by", sa.String(), nullable=False),
        sa.Column("resolution", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposals.id"], name=op.f("fk_findings_proposal_id_proposals")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_findings_run_id_runs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
        sa.UniqueConstraint(
            "run_id",
            "check_name",
            "file",
            "repository_id",
            name=op.f("uq_findings_run_id_check_name_file_repository_id"),
        ),
    )
    op.create_index(op.f("ix_findings_proposal_id"), "findings", ["proposal_id"], unique=False)
    op.create_index(op.f("ix_findings_run_id"), "findings", ["run_id"], unique=False)
    op.create_table(
        "parameters",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("si_value", sa.Float(), nullable=True),
        sa.Column("dimension", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_parameters_run_id_runs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parameters")),
        sa.UniqueConstraint("run_id", "name", name=op.f("uq_parameters_run_id_name")),
    )
    op.create_index("ix_parameters_name_si", "parameters", ["name", "si_value"], unique=False)
    op.create_table(
        "part_releases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("data_group_id", sa.Integer(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "embargoed",
                "opening",
                "open",
                "reclosed",
                "restricted",
                "withdrawn",
                name="releasestate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("state_since", INSTANT, nullable=False),
        sa.Column("opens_at", INSTANT, nullable=False),
        sa.Column("openly_released_at", INSTANT, nullable=True),
        sa.Column("request_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["data_group_id"],
            ["data_groups.id"],
            name=op.f("fk_part_releases_data_group_id_data_groups"),
        ),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposals.id"], name=op.f("fk_part_releases_proposal_id_proposals")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["release_requests.id"],
            name=op.f("fk_part_releases_request_id_release_requests"),
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_part_releases_run_id_runs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_part_releases")),
        sa.UniqueConstraint(
            "run_id", "data_group_id", name=op.f("uq_part_releases_run_id_data_group_id")
        ),
    )
    op.create_index(
        op.f("ix_part_releases_proposal_id"), "part_releases", ["proposal_id"], unique=False
    )
    op.create_index(op.f("ix_part_releases_run_id"), "part_releases", ["run_id"], unique=False)
    op.create_table(
        "runs_data_groups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("data_group_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["data_group_id"],
            ["data_groups.id"],
            name=op.f("fk_runs_data_groups_data_group_id_data_groups"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_runs_data_groups_run_id_runs")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs_data_groups")),
        sa.UniqueConstraint(
            "run_id", "data_group_id", name=op.f("uq_runs_data_groups_run_id_data_group_id")
        ),
    )
    op.create_index(
        op.f("ix_runs_data_groups_data_group_id"),
        "runs_data_groups",
        ["data_group_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_runs_data_groups_run_id"), "runs_data_groups", ["run_id"], unique=False
    )
    op.create_table(
        "runs_techniques",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("technique_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_runs_techniques_run_id_runs")
        ),
        sa.ForeignKeyConstraint(
            ["technique_id"],
            ["techniques.id"],
            name=op.f("fk_runs_techniques_technique_id_techniques"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs_techniques")),
        sa.UniqueConstraint(
            "run_id", "technique_id", name=op.f("uq_runs_techniques_run_id_technique_id")
        ),
    )
    op.create_index(op.f("ix_runs_techniques_run_id"), "runs_techniques", ["run_id"], unique=False)
    op.create_table(
        "selection_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("selection_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_selection_runs_run_id_runs")
        ),
        sa.ForeignKeyConstraint(
            ["selection_id"],
            ["selections.id"],
            name=op.f("fk_selection_runs_selection_id_selections"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_selection_runs")),
        sa.UniqueConstraint(
            "selection_id", "run_id", name=op.f("uq_selection_runs_selection_id_run_id")
        ),
    )
    op.create_index(op.f("ix_selection_runs_run_id"), "selection_runs", ["run_id"], unique=False)
    op.create_index(
        op.f("ix_selection_runs_selection_id"), "selection_runs", ["selection_id"], unique=False
    )
    op.create_table(
        "executions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=True),
        sa.Column("dark_run_id", sa.Integer(), nullable=True),
        sa.Column("karabo_id", sa.String(), nullable=False),
        sa.Column("detector_type", sa.String(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "planned",
                "at-work",
                "succeeded",
                "failed",
                "cancelled",
                "published",
                "superseded",
                name="executionstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("state_since", INSTANT, nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("report_path", sa.Text(), nullable=False),
        sa.Column("partition", sa.String(), nullable=False),
        sa.Column("reservation", sa.String(), nullable=False),
        sa.Column("job", JSON, nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("data_group_id", sa.Integer(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["dark_run_id"], ["dark_runs.id"], name=op.f("fk_executions_dark_run_id_dark_runs")
        ),
        sa.ForeignKeyConstraint(
            ["data_group_id"],
            ["data_groups.id"],
            name=op.f("fk_executions_data_group_id_data_groups"),
        ),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["calibration_requests.id"],
            name=op.f("fk_executions_request_id_calibration_requests"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_executions")),
        sa.UniqueConstraint("key", name=op.f("uq_executions_key")),
    )
    op.create_index(op.f("ix_executions_dark_run_id"), "executions", ["dark_run_id"], unique=False)
    op.create_index(op.f("ix_executions_request_id"), "executions", ["request_id"], unique=False)
    op.create_table(
        "batch_jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("execution_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=140), nullable=False),
        sa.Column("step", sa.String(length=20), nullable=False),
        sa.Column("tasks", sa.Integer(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("memory_mb", sa.Integer(), nullable=False),
        sa.Column("command", JSON, nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "planned",
                "queued",
                "running",
                "succeeded",
                "failed",
                "cancelled",
                "lost",
                name="jobstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("state_since", INSTANT, nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("exit_code", sa.String(), nullable=False),
        sa.Column("submitted_at", INSTANT, nullable=True),
        sa.Column("begin_at", INSTANT, nullable=True),
        sa.Column("end_at", INSTANT, nullable=True),
        sa.Column("elapsed_seconds", sa.Integer(), nullable=True),
        sa.Column("last_seen_at", INSTANT, nullable=True),
        sa.Column("missing_since", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name=op.f("fk_batch_jobs_execution_id_executions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch_jobs")),
        sa.UniqueConstraint("key", name=op.f("uq_batch_jobs_key")),
    )
    op.create_index(
        op.f("ix_batch_jobs_execution_id"), "batch_jobs", ["execution_id"], unique=False
    )
    op.create_index(
        "ix_batch_jobs_open",
        "batch_jobs",
        ["key"],
        unique=False,
        sqlite_where=sa.text("state = 'planned' OR state = 'queued' OR state = 'running'"),
        postgresql_where=sa.text("state = 'planned' OR state = 'queued' OR state = 'running'"),
    )
    op.create_table(
        "reports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("cal_report_path", sa.String(), nullable=False),
        sa.Column("cal_report_at", INSTANT, nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("execution_id", sa.Integer(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name=op.f("fk_reports_execution_id_executions")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_reports_run_id_runs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
        sa.UniqueConstraint(
            "name", "cal_report_path", "run_id", name=op.f("uq_reports_name_cal_report_path_run_id")
        ),
    )
    op.create_index(op.f("ix_reports_execution_id"), "reports", ["execution_id"], unique=False)
    op.create_index(op.f("ix_reports_run_id"), "reports", ["run_id"], unique=False)
    op.create_table(
        "constant_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ccv_id", sa.Integer(), nullable=True),
        sa.Column("physical_detector_unit_id", sa.Integer(), nullable=False),
        sa.Column("calibration", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("condition", JSON, nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("path_to_file", sa.String(), nullable=False),
        sa.Column("data_set_name", sa.String(), nullable=False),
        sa.Column("xxh3_128", sa.String(length=32), nullable=False),
        sa.Column("begin_validity_at", INSTANT, nullable=False),
        sa.Column("end_validity_at", INSTANT, nullable=True),
        sa.Column("begin_at", INSTANT, nullable=False),
        sa.Column("flg_deployed", sa.Boolean(), nullable=False),
        sa.Column("flg_good_quality", sa.Boolean(), nullable=False),
        sa.Column("raw_data_location", sa.Text(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=True),
        sa.Column("dark_run_id", sa.Integer(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["dark_run_id"],
            ["dark_runs.id"],
            name=op.f("fk_constant_versions_dark_run_id_dark_runs"),
        ),
        sa.ForeignKeyConstraint(
            ["physical_detector_unit_id"],
            ["physical_detector_units.id"],
            name=op.f("fk_constant_versions_physical_detector_unit_id_physical_detector_units"),
        ),
        sa.ForeignKeyConstraint(
            ["report_id"], ["reports.id"], name=op.f("fk_constant_versions_report_id_reports")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_constant_versions")),
        sa.UniqueConstraint(
            "physical_detector_unit_id",
            "calibration",
            "name",
            name=op.f("uq_constant_versions_physical_detector_unit_id_calibration_name"),
        ),
    )
    op.create_index(
        op.f("ix_constant_versions_ccv_id"), "constant_versions", ["ccv_id"], unique=False
    )
    op.create_index(
        op.f("ix_constant_versions_dark_run_id"), "constant_versions", ["dark_run_id"], unique=False
    )
    op.create_index(
        "ix_constant_versions_validity",
        "constant_versions",
        ["physical_detector_unit_id", "calibration", "begin_validity_at"],
        unique=False,
    )
    op.create_table(
        "run_constants",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("execution_id", sa.Integer(), nullable=False),
        sa.Column("karabo_da", sa.String(), nullable=False),
        sa.Column("physical_name", sa.String(), nullable=False),
        sa.Column("calibration", sa.String(), nullable=False),
        sa.Column("ccv_id", sa.Integer(), nullable=True),
        sa.Column("constant_version_id", sa.Integer(), nullable=True),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["constant_version_id"],
            ["constant_versions.id"],
            name=op.f("fk_run_constants_constant_version_id_constant_versions"),
        ),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["executions.id"],
            name=op.f("fk_run_constants_execution_id_executions"),
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_constants_run_id_runs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_constants")),
        sa.UniqueConstraint(
            "execution_id",
            "karabo_da",
            "calibration",
            name=op.f("uq_run_constants_execution_id_karabo_da_calibration"),
        ),
    )
    op.create_index(op.f("ix_run_constants_ccv_id"), "run_constants", ["ccv_id"], unique=False)
    op.create_index(
        op.f("ix_run_constants_constant_version_id"),
        "run_constants",
        ["constant_version_id"],
        unique=False,
    )
    op.create_index(op.f("ix_run_constants_run_id"), "run_constants", ["run_id"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("the catalog only goes forward; restore a backup instead")
