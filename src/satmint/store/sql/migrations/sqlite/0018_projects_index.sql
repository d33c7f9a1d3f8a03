-- The purge finds the projects that are being deleted, however many there are.

CREATE INDEX projects_deleted ON projects (project_id) WHERE deleted_at IS NOT NULL;
