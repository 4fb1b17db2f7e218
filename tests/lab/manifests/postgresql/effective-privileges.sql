-- Who may do what in the connected database, a line each: the catalogue's access lists with NULL read
-- as what it stands for, so that GRANT followed by REVOKE compares equal to never granted.
-- Roles, memberships and settings belong to the whole server; databases differ in the rest.
WITH
role_name(oid, name) AS (
    SELECT oid, quote_ident(rolname) FROM pg_roles UNION ALL SELECT 0, 'PUBLIC'
),
owned(kind, name, owner, acl) AS (
    SELECT 'database', quote_ident(datname), datdba, coalesce(datacl, acldefault('d', datdba))
      FROM pg_database WHERE datname = current_database()
    UNION ALL
    SELECT 'schema', quote_ident(nspname), nspowner, coalesce(nspacl, acldefault('n', nspowner))
      FROM pg_namespace WHERE nspname !~ '^pg_(temp|toast)'
    UNION ALL
    SELECT CASE relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' ELSE 'table' END,
           format('%I.%I', nspname, relname), relowner,
           coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))
      FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
     WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND nspname !~ '^pg_(temp|toast)'
    UNION ALL
    SELECT 'column', format('%I.%I.%I', nspname, relname, attname), relowner, attacl
      FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
     WHERE attacl IS NOT NULL
    UNION ALL
    SELECT 'function', proc.oid::regprocedure::text, proowner, coalesce(proacl, acldefault('f', proowner))
      FROM pg_proc proc JOIN pg_namespace n ON n.oid = pronamespace
     WHERE nspname NOT IN ('pg_catalog', 'information_schema')
    UNION ALL
    -- The built-in default privileges of every role, unless the role replaced them.
    SELECT 'default privileges', 'on ' || kind.name || ' of ' || quote_ident(role.rolname), role.oid,
           coalesce(defaclacl, acldefault(kind.class, role.oid))
      FROM pg_roles role
     CROSS JOIN (VALUES ('r'::"char", 'r'::"char", 'tables'), ('s', 'S', 'sequences'), ('f', 'f', 'functions'),
                        ('T', 'T', 'types'), ('n', 'n', 'schemas')) AS kind(class, object, name)
      LEFT JOIN pg_default_acl d ON defaclrole = role.oid AND defaclobjtype = kind.object AND defaclnamespace = 0
     WHERE role.rolname !~ '^pg_'
    UNION ALL
    SELECT 'default privileges',
           format('on %s of %I in %I', CASE defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences'
                                            WHEN 'f' THEN 'functions' ELSE 'types' END, rolname, nspname),
           defaclrole, defaclacl
      FROM pg_default_acl JOIN pg_namespace n ON n.oid = defaclnamespace JOIN pg_roles r ON r.oid = defaclrole
)
SELECT format('%s: %s %s: %s has %s, from %s', current_database(), kind, owned.name,
              grantee.name, string_agg(privilege_type || CASE WHEN is_grantable THEN '*' ELSE '' END, ' ' ORDER BY privilege_type),
              grantor.name)
  FROM owned, aclexplode(acl) AS item
  JOIN role_name AS grantee ON grantee.oid = item.grantee
  JOIN role_name AS grantor ON grantor.oid = item.grantor
 GROUP BY kind, owned.name, grantee.name, grantor.name
UNION ALL
SELECT format('%s: %s %s: owned by %I', current_database(), kind, owned.name, rolname)
  FROM owned JOIN pg_roles ON pg_roles.oid = owner WHERE kind NOT IN ('column', 'default privileges')
UNION ALL
SELECT format('role %I: %s', rolname,
              concat_ws(', ', CASE WHEN rolsuper THEN 'superuser' END, CASE WHEN rolcreaterole THEN 'createrole' END,
                        CASE WHEN rolcreatedb THEN 'createdb' END, CASE WHEN rolcanlogin THEN 'login' END,
                        CASE WHEN rolreplication THEN 'replication' END, CASE WHEN rolbypassrls THEN 'bypassrls' END,
                        CASE WHEN NOT rolinherit THEN 'noinherit' END, 'limit ' || rolconnlimit,
                        'until ' || rolvaliduntil, 'comment ' || quote_literal(shobj_description(oid, 'pg_authid'))))
  FROM pg_roles
UNION ALL
SELECT format('role %I: member of %I%s', m.rolname, r.rolname, CASE WHEN admin_option THEN ' with admin option' END)
  FROM pg_auth_members JOIN pg_roles r ON r.oid = roleid JOIN pg_roles m ON m.oid = member
UNION ALL
SELECT format('role %s: in %s: %s', coalesce(quote_ident(rolname), 'ALL'), coalesce(quote_ident(datname), 'every database'), setting)
  FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = setrole LEFT JOIN pg_database d ON d.oid = setdatabase,
       unnest(setconfig) AS setting;
