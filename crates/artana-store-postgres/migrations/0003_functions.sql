-- Schema 3: what writes. Each function is told which schema its caller knows, and refuses one that is newer.

-- The time in microseconds since 1970: the caller's if it brings one, as tests do, and else the server's.
CREATE FUNCTION artana.clock(_now bigint) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(_now, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
$$;

-- Refuses whoever knows an older schema than there is: it would write what a newer version misreads. Volatile, so that
-- it sees what was committed before it, and called by whoever holds the table it writes: a migration, which locks all
-- tables that are written first, has either been committed or waits until this is.
CREATE FUNCTION artana.admit(_schema integer) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    _found integer := (SELECT max(m.version) FROM artana.migrations AS m);
BEGIN
    IF _found > _schema THEN
        RAISE EXCEPTION 'artana: a newer schema' USING ERRCODE = 'AR007', DETAIL = _found;
    END IF;
END $$;

-- Amounts are unsigned, and travel as their 64 bits.
CREATE FUNCTION artana.unsigned(_bits bigint) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN _bits < 0 THEN _bits::numeric + 18446744073709551616 ELSE _bits::numeric END
$$;

-- When a heartbeat runs out. Nobody could renew while the server was down, so nobody is dead sooner than one
-- time-to-live after it came up; only who was ended is. On a clock of the caller's nobody knows when that was.
CREATE FUNCTION artana.ends(_expires_at bigint, _ttl bigint, _now bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN _expires_at < 0 OR _now IS NOT NULL THEN _expires_at
        ELSE greatest(_expires_at, (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint + _ttl)
    END
$$;

-- When a life ends; the beginning of time, if it never began. Volatile: each call sees what was committed before it.
CREATE FUNCTION artana.life(_incarnation bytea, _now bigint) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    _ends bigint;
BEGIN
    SELECT artana.ends(h.expires_at, h.ttl, _now) INTO _ends
        FROM artana.heartbeats AS h WHERE h.incarnation = _incarnation;
    RETURN coalesce(_ends, -9223372036854775808);
END $$;

-- Raises that a life has ended, so that nothing of a batch stays.
CREATE FUNCTION artana.lapse() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'artana: lapsed while waiting' USING ERRCODE = 'AR001';
END $$;

-- Gives back and takes what a batch releases and claims. The caller sorted it all by kind and key, what is given
-- back first: that is the one order in which rows that cross runs are locked.
CREATE FUNCTION artana.settle(
    _tenant text, _now bigint,
    _kinds smallint[], _gives boolean[], _keys bytea[], _holders bytea[],
    _limits bigint[], _amounts bigint[], _spans bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _key bytea;
    _holder bytea;
    _held numeric;
    _settled numeric;
    _reserved numeric;
    _left numeric;
    _limit numeric;
    _amount numeric;
    _opens bigint;
    _since bigint;
    _starts bigint;
    _counted numeric;
    _most CONSTANT numeric := 18446744073709551615;
BEGIN
    FOR i IN 1 .. cardinality(_kinds) LOOP
        _key := _keys[i];
        _holder := _holders[i];
        _amount := artana.unsigned(_amounts[i]);
        _limit := artana.unsigned(_limits[i]);
        CASE _kinds[i]
        WHEN 1 THEN -- part of an account
            LOOP
                SELECT a.settled, a.reserved INTO _settled, _reserved FROM artana.accounts AS a
                    WHERE a.tenant = _tenant AND a.account = _key FOR UPDATE;
                EXIT WHEN FOUND;
                INSERT INTO artana.accounts VALUES (_tenant, _key, 0, 0) ON CONFLICT DO NOTHING;
            END LOOP;
            IF _gives[i] THEN
                DELETE FROM artana.reservations AS r
                    WHERE r.tenant = _tenant AND r.account = _key AND r.holder = _holder
                    RETURNING r.amount INTO _held;
                CONTINUE WHEN NOT FOUND;
                UPDATE artana.accounts AS a
                    SET settled = least(_settled + _amount, _most), reserved = greatest(_reserved - _held, 0)
                    WHERE a.tenant = _tenant AND a.account = _key;
            ELSE
                -- Less than nothing, where more was spent than the limit: then nothing is granted, not even that.
                _left := _limit - least(_settled + _reserved, _most);
                IF _amount > _left THEN
                    RAISE EXCEPTION 'artana: reserve denied'
                        USING ERRCODE = 'AR002', DETAIL = i || ' ' || greatest(_left, 0);
                END IF;
                UPDATE artana.accounts AS a SET reserved = _reserved + _amount
                    WHERE a.tenant = _tenant AND a.account = _key;
                INSERT INTO artana.reservations AS r VALUES (_tenant, _key, _holder, _amount)
                    ON CONFLICT (tenant, account, holder)
                    DO UPDATE SET amount = least(r.amount + excluded.amount, _most);
            END IF;
        WHEN 2 THEN -- a unique key
            IF _gives[i] THEN
                DELETE FROM artana.uniques AS u WHERE u.tenant = _tenant AND u.key = _key AND u.holder = _holder;
                CONTINUE;
            END IF;
            LOOP
                INSERT INTO artana.uniques VALUES (_tenant, _key, _holder) ON CONFLICT DO NOTHING;
                EXIT WHEN FOUND;
                SELECT u.holder INTO _holder FROM artana.uniques AS u
                    WHERE u.tenant = _tenant AND u.key = _key FOR UPDATE;
                -- Freed between the two looks: it can be had after all.
                IF NOT FOUND THEN
                    _holder := _holders[i];
                    CONTINUE;
                END IF;
                IF _holder <> _holders[i] THEN
                    RAISE EXCEPTION 'artana: key denied'
                        USING ERRCODE = 'AR003', DETAIL = i || ' ' || encode(_holder, 'hex');
                END IF;
                EXIT;
            END LOOP;
        WHEN 3 THEN -- a rate
            LOOP
                SELECT r.starts, r.counted INTO _starts, _counted FROM artana.rates AS r
                    WHERE r.tenant = _tenant AND r.key = _key AND r.span = _spans[i] FOR UPDATE;
                EXIT WHEN FOUND;
                INSERT INTO artana.rates VALUES (_tenant, _key, _spans[i], -9223372036854775808, 0)
                    ON CONFLICT DO NOTHING;
            END LOOP;
            -- A window begins at a multiple of its length, before 1970 too.
            _opens := artana.clock(_now);
            _since := _opens % _spans[i];
            _opens := _opens - CASE WHEN _since < 0 THEN _since + _spans[i] ELSE _since END;
            -- A clock that went back counts on in the window it left: otherwise that window would count twice.
            IF _starts < _opens THEN
                _starts := _opens;
                _counted := 0;
            END IF;
            IF _counted + _amount > _limit THEN
                RAISE EXCEPTION 'artana: rate denied' USING ERRCODE = 'AR004', DETAIL = i || ' ';
            END IF;
            UPDATE artana.rates AS r SET starts = _starts, counted = _counted + _amount
                WHERE r.tenant = _tenant AND r.key = _key AND r.span = _spans[i];
        WHEN 4 THEN -- a latest instant, judged last: what came before may have waited
            IF artana.clock(_now) > _limits[i] THEN
                RAISE EXCEPTION 'artana: instant passed' USING ERRCODE = 'AR005', DETAIL = i || ' ';
            END IF;
        END CASE;
    END LOOP;
END $$;

-- Commits one batch: head, authority, claims, rows, in this order. Nothing here reads a payload. The verdict is 0 for
-- a batch that is written, 1 for a conflict, 2 for a fenced and 3 for a lapsed authority; what a claim denies, and a
-- life that ended while the batch waited, is raised, so that nothing of the batch stays.
CREATE FUNCTION artana.append(
    _schema integer, _tenant text, _run text, _now bigint, _expected_seq bigint, _expected_hash bytea,
    _epoch bigint, _incarnation bytea, _frees_lease boolean,
    _root text, _status text, _head_seq bigint, _head_hash bytea, _updated_at bigint,
    _steps bigint, _pending bigint, _unknown bigint, _drifts bigint, _last_step text, _failed_step text,
    _labels text, _queue text, _priority bigint, _due_at bigint,
    _event_ids bytea[], _kinds text[], _event_steps text[], _ats bigint[], _payloads bytea[],
    _prev_hashes bytea[], _hashes bytea[],
    _digests bytea[], _contents bytea[],
    -- 0 from outside or late, 1 a driver, 2 takes the lease, 3 plain
    _authority smallint,
    _parent_run text, _parent_seq bigint, _parent_hash bytea, _started_at bigint, _run_key bytea,
    _claim_kinds smallint[], _gives boolean[], _keys bytea[], _holders bytea[],
    _limits bigint[], _amounts bigint[], _spans bigint[],
    OUT verdict smallint, OUT head_seq bigint, OUT head_hash bytea, OUT owner bytea, OUT epoch bigint
) LANGUAGE plpgsql AS $$
DECLARE
    _seen bytea;
    _seen_epoch bigint;
    -- Whose life the authority stands on, if on any, and when it ends.
    _on bytea;
    _ends bigint;
    _owner_lives boolean;
    _moment bigint;
    _is_newer boolean;
    _is_followed boolean;
BEGIN
    LOOP
        SELECT r.head_seq, r.head_hash, r.lease_owner, r.lease_epoch, artana.ends(h.expires_at, h.ttl, _now)
            INTO head_seq, head_hash, _seen, _seen_epoch, _ends
            FROM artana.runs AS r LEFT JOIN artana.heartbeats AS h
                ON h.incarnation = CASE _authority WHEN 1 THEN r.lease_owner ELSE _incarnation END
            WHERE r.tenant = _tenant AND r.run = _run;
        IF NOT FOUND AND _authority > 1 THEN
            _ends := artana.life(_incarnation, _now);
        END IF;
        IF (head_seq, head_hash) IS DISTINCT FROM (_expected_seq, _expected_hash) THEN
            verdict := 1;
            RETURN;
        END IF;

        owner := _seen;
        epoch := coalesce(_seen_epoch, 0);
        -- The statements of those who only go on with a run say the same of drivers and plain steps.
        IF _authority > 0 THEN
            _on := CASE _authority WHEN 1 THEN owner ELSE _incarnation END;
            IF _authority = 1 AND owner IS NOT NULL AND epoch <> _epoch THEN
                verdict := 2;
                RETURN;
            END IF;
            _moment := artana.clock(_now);
            IF _ends IS NULL OR _ends <= _moment THEN
                verdict := 3;
                RETURN;
            END IF;
            IF _authority <> 1 AND owner IS NOT NULL THEN
                _owner_lives := CASE WHEN owner = _on THEN true ELSE artana.life(owner, _now) > _moment END;
                IF _owner_lives AND (_authority = 3 OR owner <> _on) THEN
                    verdict := 2;
                    RETURN;
                END IF;
            END IF;
            IF _authority = 2 THEN
                owner := _incarnation;
                epoch := epoch + 1;
            END IF;
        END IF;
        IF _frees_lease THEN
            owner := NULL;
        END IF;

        -- The first row written is the run's: it is the lock, and its condition the comparison.
        IF _expected_seq IS NULL THEN
            INSERT INTO artana.runs VALUES (
                _tenant, _run, _root, _parent_run, _parent_seq, _parent_hash, _status, _head_seq, _head_hash,
                _started_at, _updated_at, _steps, _pending, _unknown, _drifts, _last_step, _failed_step, _labels,
                _queue, _priority, _due_at, owner, epoch
            ) ON CONFLICT DO NOTHING;
        ELSE
            UPDATE artana.runs AS r SET
                status = _status, head_seq = _head_seq, head_hash = _head_hash, updated_at = _updated_at,
                steps = _steps, pending = _pending, unknown = _unknown, drifts = _drifts, last_step = _last_step,
                failed_step = _failed_step, labels = _labels, queue = _queue, priority = _priority,
                due_at = _due_at, lease_owner = owner, lease_epoch = append.epoch
                WHERE r.tenant = _tenant AND r.run = _run AND r.head_seq = _expected_seq
                    AND r.head_hash = _expected_hash AND r.lease_epoch = _seen_epoch
                    AND r.lease_owner IS NOT DISTINCT FROM _seen;
        END IF;
        EXIT WHEN FOUND;
        -- Somebody else moved the row in between: look again.
    END LOOP;

    IF cardinality(_claim_kinds) > 0 THEN
        PERFORM artana.settle(_tenant, _now, _claim_kinds, _gives, _keys, _holders, _limits, _amounts, _spans);
    END IF;
    IF _run_key IS NOT NULL THEN
        INSERT INTO artana.run_keys (tenant, root, key) VALUES (_tenant, _root, _run_key) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            PERFORM FROM artana.run_keys AS k
                WHERE k.tenant = _tenant AND k.root = _root AND k.key = _run_key AND k.wrap_id IS NULL;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'artana: another run key' USING ERRCODE = 'AR006';
            END IF;
        END IF;
    END IF;
    INSERT INTO artana.events (tenant, run, seq, event_id, kind, step, at, payload, prev_hash, hash)
        SELECT _tenant, _run, coalesce(_expected_seq, 0) + e.n, e.event_id, e.kind, e.step, e.at, e.payload,
            e.prev_hash, e.hash
        FROM unnest(_event_ids, _kinds, _event_steps, _ats, _payloads, _prev_hashes, _hashes) WITH ORDINALITY
            AS e (event_id, kind, step, at, payload, prev_hash, hash, n);
    IF cardinality(_digests) > 0 THEN
        -- In the order of their digests, so that two runs of a family never wait for each other.
        INSERT INTO artana.vault (tenant, root, digest, len, codec, seal, bytes)
            SELECT _tenant, _root, c.digest, length(c.bytes), 0, 0, c.bytes
            FROM unnest(_digests, _contents) AS c (digest, bytes) ORDER BY c.digest
            ON CONFLICT DO NOTHING;
    END IF;

    -- A batch may have waited for rows that others held; a life that ended meanwhile claims nothing.
    _moment := artana.clock(_now);
    IF _authority > 0 AND (_ends <= _moment OR cardinality(_claim_kinds) > 0)
        AND artana.life(_on, _now) <= _moment THEN
        PERFORM artana.lapse();
    END IF;
    -- Whether it may write at all is asked late, because one statement more costs more than what it looks at.
    SELECT EXISTS (SELECT FROM artana.migrations AS m WHERE m.version > _schema),
        EXISTS (SELECT FROM artana.followed AS f
            WHERE f.tenant = _tenant AND f.run = _run AND f.until > artana.clock(NULL))
        INTO _is_newer, _is_followed;
    IF _is_newer THEN
        PERFORM artana.admit(_schema);
    END IF;
    IF _is_followed THEN
        PERFORM pg_notify('artana', _tenant || chr(10) || _run);
    END IF;
    verdict := 0;
END $$;

-- Starts a life or prolongs it, and answers when it ends; nothing, if it has lapsed.
CREATE FUNCTION artana.beat(
    _schema integer, _incarnation bytea, _ttl bigint, _first boolean, _now bigint, _kept bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    _moment bigint;
    _ends bigint;
BEGIN
    LOCK TABLE artana.heartbeats IN ROW EXCLUSIVE MODE;
    PERFORM artana.admit(_schema);
    _moment := artana.clock(_now);
    IF NOT _first THEN
        UPDATE artana.heartbeats AS h SET expires_at = greatest(h.expires_at, _moment + _ttl), ttl = _ttl
            WHERE h.incarnation = _incarnation AND artana.ends(h.expires_at, h.ttl, _now) > _moment
            RETURNING h.expires_at INTO _ends;
        RETURN _ends;
    END IF;
    -- A new life is rare, and so a good moment to forget what nobody asks about any more.
    DELETE FROM artana.heartbeats AS h WHERE h.incarnation IN
        (SELECT o.incarnation FROM artana.heartbeats AS o
            WHERE greatest(abs(o.expires_at), artana.ends(o.expires_at, o.ttl, _now)) < _moment - _kept
            FOR UPDATE SKIP LOCKED);
    DELETE FROM artana.rates AS r WHERE (r.tenant, r.key, r.span) IN
        (SELECT o.tenant, o.key, o.span FROM artana.rates AS o WHERE o.starts < _moment - _kept - o.span
            FOR UPDATE SKIP LOCKED);
    DELETE FROM artana.followed AS f WHERE (f.tenant, f.run) IN
        (SELECT o.tenant, o.run FROM artana.followed AS o WHERE o.until < artana.clock(NULL) FOR UPDATE SKIP LOCKED);
    INSERT INTO artana.heartbeats VALUES (_incarnation, _moment + _ttl, _ttl) ON CONFLICT DO NOTHING
        RETURNING expires_at INTO _ends;
    RETURN _ends;
END $$;

-- Ends a life now. It gets the negative of the time it ended at, which no clock brings back.
CREATE FUNCTION artana.retire(_schema integer, _incarnation bytea, _now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE artana.heartbeats IN ROW EXCLUSIVE MODE;
    PERFORM artana.admit(_schema);
    UPDATE artana.heartbeats AS h SET expires_at = -greatest(artana.clock(_now), 1)
        WHERE h.incarnation = _incarnation AND h.expires_at >= 0;
END $$;

-- Keeps a tenant's key, if it has none.
CREATE FUNCTION artana.keep_tenant_key(_schema integer, _tenant text, _key bytea) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE artana.tenant_keys IN ROW EXCLUSIVE MODE;
    PERFORM artana.admit(_schema);
    INSERT INTO artana.tenant_keys (tenant, key) VALUES (_tenant, _key) ON CONFLICT DO NOTHING;
END $$;

-- Has appends say for a while that a run moved.
CREATE FUNCTION artana.announce(_schema integer, _tenant text, _run text, _for bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE artana.followed IN ROW EXCLUSIVE MODE;
    PERFORM artana.admit(_schema);
    INSERT INTO artana.followed AS f (tenant, run, until) VALUES (_tenant, _run, artana.clock(NULL) + _for)
        ON CONFLICT (tenant, run) DO UPDATE SET until = greatest(f.until, excluded.until);
END $$;

-- Says whether a taker may have a run: nobody alive holds it, or the taker does and does not say it drives it.
CREATE FUNCTION artana.is_free(
    _tenant text, _run text, _owner bytea, _taker bytea, _now bigint, _driven_tenants text[], _driven_runs text[]
) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF _owner IS NULL THEN
        RETURN true;
    END IF;
    IF _owner = _taker THEN
        RETURN _driven_runs IS NOT NULL AND NOT EXISTS
            (SELECT FROM unnest(_driven_tenants, _driven_runs) AS d (tenant, run)
                WHERE d.tenant = _tenant AND d.run = _run);
    END IF;
    RETURN artana.life(_owner, _now) <= artana.clock(_now);
END $$;

-- Takes the leases of due runs that nobody alive holds, or that the taker holds and does not say it drives: these were
-- taken in a reply that was lost. A taker that says nothing keeps all it holds. Rows that others are taking are passed
-- over.
CREATE FUNCTION artana.take_due(
    _schema integer, _taker bytea, _now bigint, _queues text[], _busy_queues text[], _busy_tenants text[],
    _driven_tenants text[], _driven_runs text[], _limit bigint
) RETURNS TABLE (
    tenant text, run text, head_seq bigint, head_hash bytea, lease_epoch bigint, queue text, due_at bigint, died bytea
) LANGUAGE plpgsql AS $$
DECLARE
    _moment bigint;
    _wanted text[] := _queues;
    _next text;
    _seen record;
    _due record;
    _taken bigint := 0;
    -- So many more are looked at than wanted, in each queue and priority: others may be taking the first ones.
    _spare CONSTANT bigint := 32;
BEGIN
    LOCK TABLE artana.runs IN ROW EXCLUSIVE MODE;
    PERFORM artana.admit(_schema);
    _moment := artana.clock(_now);
    IF artana.life(_taker, _now) <= _moment THEN
        RAISE EXCEPTION 'artana: the taker has lapsed' USING ERRCODE = 'AR001';
    END IF;
    IF cardinality(_wanted) = 0 THEN
        -- The queues there are: each look goes to the next one, past all runs of the last.
        _next := (SELECT r.queue FROM artana.runs AS r
            WHERE r.queue IS NOT NULL AND r.lease_owner IS NULL ORDER BY r.queue LIMIT 1);
        WHILE _next IS NOT NULL LOOP
            _wanted := _wanted || _next;
            _next := (SELECT r.queue FROM artana.runs AS r
                WHERE r.queue > _next AND r.lease_owner IS NULL ORDER BY r.queue LIMIT 1);
        END LOOP;
    END IF;
    FOR _seen IN
        -- Likewise the priorities in each queue. What is due of one queue and priority stands together in the index.
        WITH RECURSIVE shelf (queue, priority) AS (
            SELECT q.name, (SELECT r.priority FROM artana.runs AS r
                    WHERE r.queue = q.name AND r.lease_owner IS NULL AND r.priority IS NOT NULL
                    ORDER BY r.priority DESC LIMIT 1)
                FROM (SELECT DISTINCT w.name FROM unnest(_wanted) AS w (name)) AS q
                WHERE q.name <> ALL (_busy_queues)
            UNION ALL
            SELECT s.queue, (SELECT r.priority FROM artana.runs AS r
                    WHERE r.queue = s.queue AND r.lease_owner IS NULL AND r.priority < s.priority
                    ORDER BY r.priority DESC LIMIT 1)
                FROM shelf AS s WHERE s.priority IS NOT NULL
        ),
        -- Likewise who holds runs: what the living drive is many, and is not looked at.
        holder (incarnation) AS (
            SELECT (SELECT r.lease_owner FROM artana.runs AS r
                WHERE r.queue IS NOT NULL AND r.lease_owner IS NOT NULL ORDER BY r.lease_owner LIMIT 1)
            UNION ALL
            SELECT (SELECT r.lease_owner FROM artana.runs AS r
                    WHERE r.queue IS NOT NULL AND r.lease_owner > h.incarnation ORDER BY r.lease_owner LIMIT 1)
                FROM holder AS h WHERE h.incarnation IS NOT NULL
        )
        SELECT d.tenant, d.run FROM (
            SELECT s.priority, r.due_at, r.tenant, r.run FROM shelf AS s CROSS JOIN LATERAL (
                SELECT f.due_at, f.tenant, f.run FROM artana.runs AS f
                    WHERE f.queue = s.queue AND f.priority = s.priority AND f.lease_owner IS NULL
                        AND f.due_at <= _moment AND f.tenant <> ALL (_busy_tenants)
                    ORDER BY f.due_at, f.tenant, f.run LIMIT _limit + _spare
            ) AS r
            UNION ALL
            SELECT r.priority, r.due_at, r.tenant, r.run FROM holder AS h CROSS JOIN LATERAL (
                SELECT f.priority, f.due_at, f.tenant, f.run FROM artana.runs AS f
                    WHERE f.lease_owner = h.incarnation AND f.queue IS NOT NULL AND f.due_at <= _moment
                        AND (cardinality(_queues) = 0 OR f.queue = ANY (_queues)) AND f.queue <> ALL (_busy_queues)
                        AND f.tenant <> ALL (_busy_tenants) AND f.priority IS NOT NULL
                        AND (h.incarnation <> _taker OR artana.is_free(
                            f.tenant, f.run, h.incarnation, _taker, _now, _driven_tenants, _driven_runs))
                    ORDER BY f.priority DESC, f.due_at, f.tenant, f.run LIMIT _limit + _spare
            ) AS r
            WHERE h.incarnation = _taker OR artana.life(h.incarnation, _now) <= _moment
        ) AS d
        ORDER BY d.priority DESC, d.due_at, d.tenant, d.run
    LOOP
        EXIT WHEN _taken = _limit;
        -- Asked again of the locked row, which may have moved: a life that began after the first look was not seen.
        SELECT r.* INTO _due FROM artana.runs AS r
            WHERE r.tenant = _seen.tenant AND r.run = _seen.run AND r.due_at <= _moment
                AND (cardinality(_queues) = 0 OR r.queue = ANY (_queues)) AND r.queue <> ALL (_busy_queues)
            FOR UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        CONTINUE WHEN NOT
            artana.is_free(_due.tenant, _due.run, _due.lease_owner, _taker, _now, _driven_tenants, _driven_runs);
        UPDATE artana.runs AS r SET lease_owner = _taker, lease_epoch = r.lease_epoch + 1
            WHERE r.tenant = _due.tenant AND r.run = _due.run;
        _taken := _taken + 1;
        tenant := _due.tenant;
        run := _due.run;
        head_seq := _due.head_seq;
        head_hash := _due.head_hash;
        lease_epoch := _due.lease_epoch + 1;
        queue := _due.queue;
        due_at := _due.due_at;
        died := nullif(_due.lease_owner, _taker);
        RETURN NEXT;
    END LOOP;
END $$;
