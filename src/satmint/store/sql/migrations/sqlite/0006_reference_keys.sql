-- References and e-mail addresses are compared by keys, which the step of this migration sets.
--
-- NULL: no other form leads to this subscriber, because an equal reference (address) is another's.

ALTER TABLE subscribers ADD COLUMN reference_key TEXT;
ALTER TABLE subscribers ADD COLUMN email_key TEXT;
CREATE UNIQUE INDEX subscribers_by_reference_key ON subscribers (project_id, reference_key)
    WHERE reference_key IS NOT NULL;
CREATE UNIQUE INDEX subscribers_by_email_key ON subscribers (project_id, email_key)
    WHERE email_key IS NOT NULL;
CREATE INDEX subscribers_without_key ON subscribers (project_id, reference)
    WHERE reference IS NOT NULL AND reference_key IS NULL;
CREATE INDEX subscribers_without_email_key ON subscribers (project_id, email)
    WHERE email IS NOT NULL AND email_key IS NULL;
