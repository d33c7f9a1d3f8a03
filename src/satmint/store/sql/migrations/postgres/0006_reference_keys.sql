-- works with 0001
--
-- References and e-mail addresses are compared by keys, which the step of this migration sets.
--
-- NULL: no other form leads to this subscriber, because an equal reference (address) is another's,
-- or because a server of the previous release wrote it: `satmint db migrate` sets those keys.

ALTER TABLE subscribers ADD COLUMN reference_key TEXT;
ALTER TABLE subscribers ADD COLUMN email_key TEXT;
CREATE UNIQUE INDEX subscribers_by_reference_key ON subscribers (reference_key, project_id);
CREATE UNIQUE INDEX subscribers_by_email_key ON subscribers (email_key, project_id);
CREATE INDEX subscribers_without_key ON subscribers (reference, project_id)
    WHERE reference IS NOT NULL AND reference_key IS NULL;
CREATE INDEX subscribers_without_email_key ON subscribers (email, project_id)
    WHERE email IS NOT NULL AND email_key IS NULL;

-- Servers of the previous release know no keys. Where one of them changes a reference, the old key
-- would lead whoever has the old reference next to this subscriber.
CREATE FUNCTION subscribers_forget_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF lower(NEW.reference) IS DISTINCT FROM lower(OLD.reference)
       AND NEW.reference_key IS NOT DISTINCT FROM OLD.reference_key THEN
        NEW.reference_key := NULL;
    END IF;
    IF lower(NEW.email) IS DISTINCT FROM lower(OLD.email)
       AND NEW.email_key IS NOT DISTINCT FROM OLD.email_key THEN
        NEW.email_key := NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER subscribers_forget_keys BEFORE UPDATE OF reference, email ON subscribers
    FOR EACH ROW EXECUTE FUNCTION subscribers_forget_keys();
