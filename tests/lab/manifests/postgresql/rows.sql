-- The owner's database: three schemas of hers with rows, and privileges that she granted herself.
ALTER SCHEMA public OWNER TO :"owner";
SET SESSION AUTHORIZATION :"owner";

CREATE TABLE public.towns (name text PRIMARY KEY, inhabitants integer NOT NULL);
INSERT INTO public.towns VALUES ('Brest', 139619), ('Lille', 236710), ('Metz', 121695);

CREATE SCHEMA sales;
CREATE TABLE sales.orders (
    id serial PRIMARY KEY,
    town text NOT NULL REFERENCES public.towns,
    amount numeric(8, 2) NOT NULL
);
INSERT INTO sales.orders (town, amount) VALUES ('Brest', 12.50), ('Brest', 7.00), ('Lille', 99.90), ('Metz', 3.20);
CREATE SEQUENCE sales.invoices START 1000;
CREATE VIEW sales.turnover AS SELECT town, sum(amount) AS amount FROM sales.orders GROUP BY town;

CREATE SCHEMA research;
CREATE TABLE research.surveys (respondent integer PRIMARY KEY, answer text NOT NULL);
INSERT INTO research.surveys VALUES (1, 'yes'), (2, 'no');

GRANT USAGE ON SCHEMA sales TO analysts;
GRANT SELECT ON sales.turnover TO analysts;
GRANT SELECT (id, town) ON sales.orders TO analysts;
GRANT USAGE ON SEQUENCE sales.invoices TO analysts;
ALTER DEFAULT PRIVILEGES IN SCHEMA sales GRANT SELECT ON TABLES TO analysts;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- A table in her schema that is not hers, as extensions leave them (PostGIS: spatial_ref_sys).
RESET SESSION AUTHORIZATION;
CREATE TABLE public.projections (srid integer PRIMARY KEY, name text NOT NULL);
INSERT INTO public.projections VALUES (2154, 'Lambert-93');
GRANT SELECT ON public.projections TO PUBLIC;
