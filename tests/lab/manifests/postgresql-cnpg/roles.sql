-- The owner's life before any share, where the operator has made her role and her database: the same as
-- in the other chart's roles.sql, but that she may not create databases herself.
CREATE ROLE analysts NOLOGIN;
CREATE DATABASE archive OWNER :"owner";
