use jiff::Timestamp;

use super::{
    session::{Session, SqlError},
    statement::{Statement, identifier, literal},
    verifier::Verifier,
};

/// The grantee's own login, as it should be.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) role: String,
    /// Says that the role is ours, and whose share it is.
    pub(crate) comment: String,
    /// Sessions at once; `None` is no limit.
    pub(crate) connection_limit: Option<u32>,
    pub(crate) valid_until: Option<Timestamp>,
}

/// A role as the server knows it.
#[derive(Clone, Debug)]
pub(crate) struct LoginState {
    pub(crate) comment: Option<String>,
    pub(crate) can_login: bool,
    connection_limit: i32,
    /// Seconds since 1970; `None` where the password never ends.
    valid_until: Option<i64>,
    rolpassword: Option<String>,
    /// Superuser, and the like: what the login of a share never has.
    excess: Vec<String>,
    /// The groups, and who let the role into each, where the server wants to be told (from
    /// PostgreSQL 16 on, a membership is taken back from its grantor).
    memberships: Vec<(String, Option<String>)>,
}

impl LoginState {
    /// Reads a role; `None` where there is none of that name.
    pub(crate) async fn read(session: &Session, role: &str) -> Result<Option<Self>, SqlError> {
        let rows = session
            .rows(
                "SELECT shobj_description(oid, 'pg_authid'), rolcanlogin, rolconnlimit,
                        CASE WHEN isfinite(rolvaliduntil) THEN extract(epoch FROM rolvaliduntil)::bigint END,
                        rolpassword,
                        array_remove(ARRAY[CASE WHEN rolsuper THEN 'SUPERUSER' END,
                                           CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
                                           CASE WHEN rolcreatedb THEN 'CREATEDB' END,
                                           CASE WHEN rolreplication THEN 'REPLICATION' END,
                                           CASE WHEN rolbypassrls THEN 'BYPASSRLS' END], NULL),
                        ARRAY(SELECT r.rolname::text FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid
                              WHERE m.member = a.oid ORDER BY m.roleid, m.grantor),
                        ARRAY(SELECT CASE WHEN current_setting('server_version_num')::int >= 160000 THEN r.rolname::text END
                              FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.grantor
                              WHERE m.member = a.oid ORDER BY m.roleid, m.grantor)
                 FROM pg_authid a WHERE rolname = $1",
                &[&role],
            )
            .await?;
        Ok(rows.first().map(|row| Self {
            comment: row.get(0),
            can_login: row.get(1),
            connection_limit: row.get(2),
            valid_until: row.get(3),
            rolpassword: row.get(4),
            excess: row.get(5),
            memberships: row
                .get::<_, Vec<String>>(6)
                .into_iter()
                .zip(row.get::<_, Vec<Option<String>>>(7))
                .collect(),
        }))
    }

    /// Whether the server would let this password in, its end apart.
    pub(crate) fn accepts(&self, password: &str) -> bool {
        self.rolpassword
            .as_deref()
            .and_then(|text| text.parse::<Verifier>().ok())
            .is_some_and(|verifier| verifier.matches(password))
    }
}

impl Login {
    /// The statements that make the role, or make it what it should be; none where it is.
    pub(crate) fn difference(
        &self,
        state: Option<&LoginState>,
        password: &str,
        fresh: &Verifier,
    ) -> Vec<Statement> {
        let role = identifier(&self.role);
        let mut statements = Vec::new();
        let Some(state) = state else {
            statements.push(Statement::with_verifier(
                &format!("CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS {}", self.limits()),
                fresh,
            ));
            statements.push(self.comment_statement());
            return statements;
        };
        for (group, grantor) in &state.memberships {
            let grantor = grantor
                .as_ref()
                .map(|grantor| format!(" GRANTED BY {}", identifier(grantor)));
            statements.push(Statement::open(format!(
                "REVOKE {} FROM {role}{}",
                identifier(group),
                grantor.unwrap_or_default()
            )));
        }
        if !state.excess.is_empty() {
            let without: Vec<String> = state
                .excess
                .iter()
                .map(|attribute| format!("NO{attribute}"))
                .collect();
            statements.push(Statement::open(format!(
                "ALTER ROLE {role} {}",
                without.join(" ")
            )));
        }
        let limits_differ = state.connection_limit != self.limit_in_catalogue()
            || state.valid_until != self.valid_until.map(Timestamp::as_second);
        let open = format!("ALTER ROLE {role} LOGIN {}", self.limits());
        if state.accepts(password) && state.can_login {
            if limits_differ {
                statements.push(Statement::open(open));
            }
        } else {
            // Whoever came in by another password does not stay. The login is closed until they
            // are out, so that a run that ends before is seen, and finished, by the next.
            if !state.accepts(password) {
                let close = format!("ALTER ROLE {role} NOLOGIN");
                statements.push(Statement::with_verifier(&close, fresh));
            }
            statements.push(Statement::after_commit(format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = {}",
                literal(&self.role)
            )));
            statements.push(Statement::after_commit(open));
        }
        if state.comment.as_deref() != Some(&self.comment) {
            statements.push(self.comment_statement());
        }
        statements
    }

    fn comment_statement(&self) -> Statement {
        Statement::open(format!(
            "COMMENT ON ROLE {} IS {}",
            identifier(&self.role),
            literal(&self.comment)
        ))
    }

    fn limits(&self) -> String {
        let until = self
            .valid_until
            .map_or_else(|| "infinity".to_owned(), |until| until.to_string());
        format!(
            "CONNECTION LIMIT {} VALID UNTIL {}",
            self.limit_in_catalogue(),
            literal(&until)
        )
    }

    fn limit_in_catalogue(&self) -> i32 {
        self.connection_limit
            .and_then(|limit| i32::try_from(limit).ok())
            .unwrap_or(-1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "secret";

    fn login() -> Login {
        Login {
            role: "share_x".into(),
            comment: "it's ours".into(),
            connection_limit: Some(5),
            valid_until: Some("2026-12-24T00:00:00Z".parse().unwrap()),
        }
    }

    fn state() -> LoginState {
        LoginState {
            comment: Some("it's ours".into()),
            can_login: true,
            connection_limit: 5,
            valid_until: Some(1_798_070_400),
            rolpassword: Some(Verifier::of(PASSWORD, [1; 16]).to_string()),
            excess: vec![],
            memberships: vec![],
        }
    }

    fn shown(state: Option<&LoginState>) -> Vec<String> {
        let fresh = Verifier::of(PASSWORD, [2; 16]);
        login()
            .difference(state, PASSWORD, &fresh)
            .iter()
            .map(|statement| statement.shown().to_owned())
            .collect()
    }

    #[test]
    fn a_new_role() {
        assert_eq!(
            shown(None),
            [
                "CREATE ROLE \"share_x\" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 5 VALID UNTIL '2026-12-24T00:00:00Z' PASSWORD '***'",
                "COMMENT ON ROLE \"share_x\" IS 'it''s ours'",
            ]
        );
    }

    #[test]
    fn the_same_role_needs_nothing() {
        assert!(shown(Some(&state())).is_empty());
    }

    #[test]
    fn each_drift_is_mended() {
        let drifted = |change: fn(&mut LoginState)| {
            let mut state = state();
            change(&mut state);
            shown(Some(&state)).join(";")
        };
        assert_eq!(
            drifted(|s| s.rolpassword = None),
            "ALTER ROLE \"share_x\" NOLOGIN PASSWORD '***';SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'share_x';ALTER ROLE \"share_x\" LOGIN CONNECTION LIMIT 5 VALID UNTIL '2026-12-24T00:00:00Z'"
        );
        assert!(
            drifted(|s| s.can_login = false)
                .starts_with("SELECT pg_terminate_backend(pid) FROM pg_stat_activity")
        );
        assert!(drifted(|s| s.valid_until = None).contains("VALID UNTIL '2026-12-24T00:00:00Z'"));
        assert_eq!(
            drifted(|s| s.excess = vec!["SUPERUSER".into()]),
            "ALTER ROLE \"share_x\" NOSUPERUSER"
        );
        assert_eq!(
            drifted(|s| s.memberships = vec![("pg_read_all_data".into(), None)]),
            "REVOKE \"pg_read_all_data\" FROM \"share_x\""
        );
        assert_eq!(
            drifted(|s| s.memberships = vec![("staff".into(), Some("me".into()))]),
            "REVOKE \"staff\" FROM \"share_x\" GRANTED BY \"me\""
        );
        assert!(drifted(|s| s.comment = None).starts_with("COMMENT ON ROLE"));
    }
}
