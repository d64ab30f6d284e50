"""The ledger's schema as the steps that lead to it; both databases take the same statements.

A step is never changed once it has been released: a new one is added. The version of a database is the number of
steps it has taken.
"""

TABLE = "aiclient2api_usage"

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        f"""CREATE TABLE {TABLE} (
            time_ms BIGINT NOT NULL,
            request_id TEXT NOT NULL,
            key_id TEXT NOT NULL,
            provider TEXT,
            account TEXT,
            model_asked TEXT,
            model_served TEXT,
            dialect TEXT NOT NULL,
            stream SMALLINT NOT NULL,
            status INTEGER NOT NULL,
            error_kind TEXT,
            input_tokens BIGINT,
            cache_read_tokens BIGINT,
            cache_write_tokens BIGINT,
            output_tokens BIGINT,
            reasoning_tokens BIGINT,
            estimated SMALLINT,
            credits DOUBLE PRECISION,
            cost_usd DOUBLE PRECISION,
            attempts INTEGER NOT NULL,
            first_ms BIGINT,
            total_ms BIGINT NOT NULL,
            PRIMARY KEY (time_ms, request_id)
        )""",
    ),
    (
        f"ALTER TABLE {TABLE} ADD COLUMN cached SMALLINT",
        f"ALTER TABLE {TABLE} ADD COLUMN story TEXT",
    ),
)
