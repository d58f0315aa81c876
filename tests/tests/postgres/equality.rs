//! The owner changes the base at random between rotations: the clone may do the same, and the base keeps what it has.

use fourstep_test_servers::postgres::Postgres;

use crate::attributes::{attributes, settings};
use crate::world::{World, consume, name, opens, shared_with_admin};

const ROTATIONS: usize = 10;
const CHANGES: usize = 6;

/// What an owner does to the base, in one of the databases.
const OF_ANY_ADMINISTRATOR: &[&str] = &[
    "GRANT SELECT ON store.items TO <app>",
    "REVOKE SELECT ON store.items FROM <app>",
    "GRANT INSERT, UPDATE (name) ON store.items TO <app> WITH GRANT OPTION",
    "REVOKE INSERT, UPDATE (name) ON store.items FROM <app>",
    "GRANT ALL ON ALL TABLES IN SCHEMA store TO <app>",
    "REVOKE ALL ON ALL TABLES IN SCHEMA store FROM <app>",
    "GRANT USAGE ON SCHEMA store TO <app>",
    "REVOKE USAGE ON SCHEMA store FROM <app>",
    "GRANT CREATE ON DATABASE <other> TO <app>",
    "REVOKE CREATE ON DATABASE <other> FROM <app>",
    "GRANT USAGE ON SEQUENCE store.numbers TO <app>",
    "REVOKE USAGE ON SEQUENCE store.numbers FROM <app>",
    "GRANT EXECUTE ON FUNCTION store.answer() TO <app>",
    "REVOKE EXECUTE ON FUNCTION store.answer() FROM <app>",
    "GRANT <readers> TO <app>",
    "REVOKE <readers> FROM <app>",
    "GRANT <writers> TO <app> WITH ADMIN OPTION",
    "REVOKE <writers> FROM <app>",
    "ALTER TABLE store.items OWNER TO <app>",
    "ALTER TABLE store.items OWNER TO postgres",
    "ALTER ROLE <app> NOINHERIT",
    "ALTER ROLE <app> INHERIT",
    "ALTER ROLE <app> CREATEDB",
    "ALTER ROLE <app> NOCREATEDB",
    "ALTER ROLE <app> CREATEROLE",
    "ALTER ROLE <app> NOCREATEROLE",
    "ALTER ROLE <app> CONNECTION LIMIT 9",
    "ALTER ROLE <app> CONNECTION LIMIT -1",
    "ALTER ROLE <app> VALID UNTIL '2098-07-06 05:04:03.21+02'",
    "ALTER ROLE <app> VALID UNTIL 'infinity'",
    "ALTER ROLE <app> SET search_path = \"$user\", store, \"a \"\"b\"\", c\"",
    "ALTER ROLE <app> RESET search_path",
    "ALTER ROLE <app> SET work_mem = '7MB'",
    "ALTER ROLE <app> IN DATABASE <other> SET DateStyle = 'German, DMY'",
    "ALTER ROLE <app> IN DATABASE <other> SET work_mem = '9MB'",
    "ALTER ROLE <app> IN DATABASE <other> RESET ALL",
    "ALTER ROLE <app> RESET ALL",
];

const OF_A_SUPERUSER: &[&str] = &[
    "ALTER ROLE <app> REPLICATION",
    "ALTER ROLE <app> NOREPLICATION",
    "ALTER ROLE <app> BYPASSRLS",
    "ALTER ROLE <app> NOBYPASSRLS",
    "ALTER ROLE <app> SET log_statement = 'ddl'",
    "ALTER ROLE <app> IN DATABASE <other> SET myapp.tenant = 'it''s'",
];

/// Lists, in SQL, what the role may do with each object of a database.
const MAY: &str = "
    SELECT concat_ws(' ', 'relation', c.oid::regclass, p, has_table_privilege($role, c.oid, p)) FROM pg_class c,
           unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER,INSERT WITH GRANT OPTION}'::text[]) p
     WHERE relkind = 'r' AND relnamespace::regnamespace::text IN ('store', 'data')
    UNION ALL SELECT concat_ws(' ', 'column', attname, has_column_privilege($role, attrelid, attnum, 'UPDATE'))
      FROM pg_attribute WHERE attrelid = 'store.items'::regclass AND attnum > 0
    UNION ALL SELECT concat_ws(' ', 'sequence', p, has_sequence_privilege($role, 'store.numbers', p))
      FROM unnest('{USAGE,SELECT,UPDATE}'::text[]) p
    UNION ALL SELECT concat_ws(' ', 'schema', nspname, p, has_schema_privilege($role, oid, p))
      FROM pg_namespace, unnest('{USAGE,CREATE}'::text[]) p
    UNION ALL SELECT concat_ws(' ', 'database', datname, p, has_database_privilege($role, oid, p))
      FROM pg_database, unnest('{CREATE,CONNECT,TEMPORARY}'::text[]) p
     WHERE datname IN ('<main>', '<other>')
    UNION ALL SELECT concat_ws(' ', 'function', has_function_privilege($role, 'store.answer()', 'EXECUTE'))
    UNION ALL SELECT concat_ws(' ', 'role', rolname, p, pg_has_role($role, oid, p))
      FROM pg_roles, unnest('{MEMBER,USAGE,MEMBER WITH ADMIN OPTION}'::text[]) p WHERE rolname IN ('<readers>', '<writers>')
    ORDER BY 1";

/// All that an owner gave: who owns what, who was granted what, and what the base is a member of.
const GIVEN: &str = "
    SELECT concat_ws(' ', relname, relowner::regrole, relacl) FROM pg_class WHERE relkind IN ('r', 'S')
    UNION ALL SELECT concat_ws(' ', attrelid::regclass, attname, attacl) FROM pg_attribute WHERE attacl IS NOT NULL
    UNION ALL SELECT concat_ws(' ', nspname, nspowner::regrole, nspacl) FROM pg_namespace WHERE nspname !~ '^pg_'
    UNION ALL SELECT concat_ws(' ', datname, datdba::regrole, datacl) FROM pg_database
     WHERE datname IN ('<main>', '<other>')
    UNION ALL SELECT concat_ws(' ', proname, proowner::regrole, proacl) FROM pg_proc WHERE proname = 'answer'
    UNION ALL SELECT to_jsonb(m)::text FROM pg_auth_members m WHERE member = '<app>'::regrole
    UNION ALL SELECT concat_ws(' ', rolinherit, shobj_description(oid, 'pg_authid')) FROM pg_roles WHERE rolname = '<app>'
    ORDER BY 1";

/// The two databases that the base has rights in.
fn databases(server: &Postgres) -> [String; 2] {
    [server.database().to_owned(), server.name("other")]
}

async fn may(server: &Postgres, role: &str) -> Vec<String> {
    let query = MAY.replace("$role", &format!("'<{role}>'"));
    let mut may = Vec::new();
    for database in databases(server) {
        may.extend(server.rows_in(&database, &query).await);
    }
    may
}

/// Returns all that the base is and has.
async fn base(server: &Postgres) -> Vec<String> {
    let mut base = attributes(server, "app").await;
    base.extend(settings(server, "app").await);
    for database in databases(server) {
        base.extend(server.rows_in(&database, GIVEN).await);
    }
    base
}

/// A server with a second database, with objects of somebody else in both.
async fn world() -> Option<(Postgres, World)> {
    let (server, world) = shared_with_admin().await?;
    server.execute("CREATE ROLE <readers>; CREATE ROLE <writers>").await;
    server.execute("CREATE DATABASE <other>").await;
    for database in databases(&server) {
        let objects = "CREATE SCHEMA store; CREATE TABLE store.items (name text); CREATE SEQUENCE store.numbers;
                       CREATE FUNCTION store.answer() RETURNS int LANGUAGE sql AS 'SELECT 42';
                       REVOKE EXECUTE ON FUNCTION store.answer() FROM public; GRANT SELECT ON store.items TO <readers>;
                       GRANT DELETE ON store.items TO <writers>";
        server.execute_in(&database, objects).await;
    }
    Some((server, world))
}

/// Numbers that are the same in every run: <https://prng.di.unimi.it/splitmix64.c>.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }
}

async fn stays_equal(seed: u64, changes: &[&str], superuser: bool) {
    let Some((server, mut world)) = world().await else { return };
    if superuser {
        server.execute("ALTER ROLE <boss> SUPERUSER").await;
    }
    let mut numbers = Numbers(seed);
    let databases = databases(&server);
    let mut clone_turns = 0;
    for rotation in 0..ROTATIONS {
        let mut made = Vec::new();
        for _ in 0..CHANGES {
            let (change, database) = (changes[numbers.below(changes.len())], &databases[numbers.below(2)]);
            server.execute_in(database, change).await;
            made.push((change, server.plain(database)));
        }
        let before = base(&server).await;
        world.rotate().await.unwrap_or_else(|error| panic!("seed {seed}, rotation {rotation}, {made:?}: {error}"));
        let at = format!("seed {seed}, rotation {rotation}, {made:?}");
        assert_eq!(base(&server).await, before, "{at}");
        assert_eq!(may(&server, "app_clone").await, may(&server, "app").await, "{at}");
        if name(&server, &world.current()) == "app_clone" {
            clone_turns += 1;
            assert_eq!(attributes(&server, "app_clone").await, attributes(&server, "app").await, "{at}");
            assert_eq!(settings(&server, "app_clone").await, settings(&server, "app").await, "{at}");
        }
        assert!(opens(&server, &world.previous()).await, "{at}");
        // Each uses what the other one made.
        let make = format!(
            "CREATE TABLE IF NOT EXISTS data.made (i int); INSERT INTO data.made VALUES ({rotation});
                            CREATE TABLE data.made_{rotation} ()"
        );
        consume(&server, &world.current(), &make).await.unwrap_or_else(|error| panic!("{at}: {error}"));
    }
    assert_eq!(clone_turns, ROTATIONS / 2);
    let tables = "SELECT DISTINCT tableowner::text FROM pg_tables WHERE tablename LIKE 'made%'";
    assert_eq!(server.rows(tables).await, ["app"]);
}

#[tokio::test]
async fn the_clone_stays_equal_to_its_base_with_an_administrator_as_amazon_rds_makes_it() {
    for seed in 1..=3 {
        stays_equal(seed, OF_ANY_ADMINISTRATOR, false).await;
    }
}

#[tokio::test]
async fn the_clone_stays_equal_to_its_base_with_a_superuser() {
    let changes = [OF_ANY_ADMINISTRATOR, OF_A_SUPERUSER].concat();
    for seed in 4..=6 {
        stays_equal(seed, &changes, true).await;
    }
}
