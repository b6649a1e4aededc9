-- What SQLite can do in memory; the same on every machine, so no clock and no random numbers.
CREATE TABLE ships(id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, tons REAL, port TEXT);
CREATE TABLE sweeps(ship INTEGER REFERENCES ships(id), day INTEGER, mines INTEGER);
CREATE INDEX sweeps_by_ship ON sweeps(ship, day);

INSERT INTO ships(name, tons, port) VALUES
    ('Oropesa', 327.5, 'Harwich'), ('Sutton', 810, 'Dover'), ('Lydd', 710.25, 'Dover'), ('Elgin', 740, 'Harwich');
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4999)
    INSERT INTO sweeps SELECT i % 4 + 1, i / 4, (i * 7919 + 13) % 11 FROM n;
COMMIT;

SELECT count(*), sum(mines), avg(mines), total(day) FROM sweeps;
SELECT name, printf('%.3f', tons), port FROM ships ORDER BY tons DESC;
SELECT port, count(DISTINCT ships.id), sum(mines) FROM ships JOIN sweeps ON ship = ships.id GROUP BY port ORDER BY port;
SELECT name, day, mines, sum(mines) OVER (PARTITION BY ship ORDER BY day ROWS 2 PRECEDING)
    FROM sweeps JOIN ships ON ships.id = ship WHERE day < 5 ORDER BY ship, day;
SELECT upper(substr(name, 1, 3)), length(name), hex(name), instr(name, 'e') FROM ships;
SELECT group_concat(name, ', ') FROM (SELECT name FROM ships ORDER BY name);
SELECT 1.0 / 3, 2 * 9223372036854775807, 7 / 2, -7 % 3, 1e300 * 1e10, round(2.5), abs(-4.25);
SELECT json_object('ship', name, 'tons', tons, 'list', json_array(1, 2.5, NULL)) FROM ships WHERE id = 3;
SELECT value FROM json_each('["mine", 3, {"a": [true, null]}]');
SELECT strftime('%Y-%m-%d %H:%M:%S', 1700000000, 'unixepoch'), julianday('2000-01-01'), date('2024-02-28', '+2 days');

INSERT INTO ships(name) VALUES ('Lydd');
BEGIN;
DELETE FROM sweeps WHERE mines > 5;
SELECT count(*) FROM sweeps;
ROLLBACK;
SELECT count(*) FROM sweeps;

CREATE TABLE log(what TEXT);
CREATE TRIGGER scrapped AFTER DELETE ON ships BEGIN INSERT INTO log VALUES ('scrapped ' || old.name); END;
DELETE FROM ships WHERE tons < 500;
SELECT * FROM log;
UPDATE ships SET tons = tons * 1.1 WHERE port = 'Dover';
SELECT name, tons FROM ships ORDER BY name;
WITH RECURSIVE
    x(x) AS (VALUES(-2.0) UNION ALL SELECT x + 0.1 FROM x WHERE x < 1.2),
    y(y) AS (VALUES(-1.0) UNION ALL SELECT y + 0.2 FROM y WHERE y < 1.0),
    m(n, cx, cy, x, y) AS (
        SELECT 0, x, y, 0.0, 0.0 FROM x, y
        UNION ALL SELECT n + 1, cx, cy, x * x - y * y + cx, 2.0 * x * y + cy FROM m WHERE x * x + y * y < 4.0 AND n < 28),
    a(n, cx, cy) AS (SELECT max(n), cx, cy FROM m GROUP BY cx, cy),
    lines(t) AS (SELECT group_concat(substr(' .+*#', 1 + min(n / 7, 4), 1), '') FROM a GROUP BY cy)
SELECT group_concat(rtrim(t), x'0a') FROM lines;
PRAGMA integrity_check;
SELECT no_such_function(1);
