CREATE TABLE public.addresses (
    project_id uuid NOT NULL,
    address_id uuid NOT NULL,
    context text NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    display_name text NOT NULL,
    type text NOT NULL,
    channels text NOT NULL,
    subscriber_id uuid,
    locked boolean NOT NULL,
    cover_url text,
    preview_url text,
    created_at bigint NOT NULL
);
CREATE TABLE public.api_tokens (
    project_id uuid NOT NULL,
    token_id uuid NOT NULL,
    name text NOT NULL,
    permissions text NOT NULL,
    digest bytea NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE public.c2c_tokens (
    project_id uuid NOT NULL,
    token_id uuid NOT NULL,
    address_id uuid NOT NULL,
    name text NOT NULL,
    digest bytea NOT NULL,
    origins text NOT NULL,
    created_at bigint NOT NULL,
    disabled_at bigint
);
CREATE TABLE public.deliveries (
    project_id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    event_id bytea NOT NULL,
    next_at bigint NOT NULL,
    attempts bigint NOT NULL
);
CREATE TABLE public.events (
    project_id uuid NOT NULL,
    event_id bytea NOT NULL,
    kind text NOT NULL,
    at bigint NOT NULL,
    subscriber_id uuid,
    session_id uuid,
    subject_id uuid,
    generation bigint,
    cause text NOT NULL,
    request_id text NOT NULL,
    address text NOT NULL,
    agent text NOT NULL
);
CREATE TABLE public.presence (
    project_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    subscriber_id uuid NOT NULL,
    session_id uuid NOT NULL,
    since bigint NOT NULL,
    lease_until bigint NOT NULL
);
CREATE TABLE public.projects (
    project_id uuid NOT NULL,
    name text NOT NULL,
    created_at bigint NOT NULL,
    epoch bigint DEFAULT 0 NOT NULL,
    revoked_at bigint
);
CREATE TABLE public.proofs (
    project_id uuid NOT NULL,
    proof bytea NOT NULL,
    request bytea NOT NULL,
    issued_at bigint,
    expires_at bigint,
    resends bigint NOT NULL,
    forget_at bigint NOT NULL
);
CREATE TABLE public.schema_migrations (
    version bigint NOT NULL,
    name text NOT NULL,
    digest text NOT NULL,
    works_with bigint NOT NULL,
    applied_at bigint NOT NULL
);
CREATE TABLE public.sessions (
    project_id uuid NOT NULL,
    session_id uuid NOT NULL,
    project_epoch bigint NOT NULL,
    subscriber_id uuid NOT NULL,
    subscriber_epoch bigint NOT NULL,
    kind text NOT NULL,
    generation bigint NOT NULL,
    head_since bigint NOT NULL,
    head_expires_at bigint NOT NULL,
    seen_generation bigint NOT NULL,
    created_at bigint NOT NULL,
    deadline bigint NOT NULL,
    lives_until bigint NOT NULL,
    device_token_at bigint,
    first_until bigint NOT NULL,
    revoked_at bigint,
    jkt text,
    address text NOT NULL,
    agent text NOT NULL
)
WITH (fillfactor='80');
CREATE TABLE public.subscribers (
    project_id uuid NOT NULL,
    subscriber_id uuid NOT NULL,
    kind text NOT NULL,
    reference text,
    email text,
    password_hash text,
    first_name text,
    last_name text,
    display_name text,
    job_title text,
    time_zone text,
    country text,
    region text,
    company_name text,
    epoch bigint DEFAULT 0 NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);
CREATE TABLE public.webhooks (
    project_id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    url text NOT NULL,
    sealed_secret text NOT NULL,
    created_at bigint NOT NULL
);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '9751640a-d0c5-473d-b906-2f1e06ddf932', 'public', 'support', 'support', 'room', 'audio messaging video', NULL, false, NULL, NULL, 1700000000);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'c418f9eb-7276-4a84-a443-4a8925209edc', 'public', 'menu', 'menu', 'app', 'audio messaging video', NULL, false, NULL, NULL, 1700000000);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'b691ad7d-19f4-44bf-a752-4f8a0e480b3d', 'public', 'sales', 'sales', 'room', 'audio messaging video', NULL, false, NULL, NULL, 1700000000);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '592257a4-0602-49cb-9a2c-d22d66f5a6eb', 'private', 'bob', 'Bob@Example.com', 'subscriber', 'audio messaging video', 'c448958d-954c-4444-a0e3-94dfba6bb08a', false, NULL, NULL, 1700000001);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '6f23fd6c-8999-4a18-89d1-6ee04595de5d', 'private', 'bob-6f23fd6c8999', 'bob@example.com', 'subscriber', 'audio messaging video', '7b438da7-6ccc-4eef-ac53-651d8866c34a', false, NULL, NULL, 1700000002);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '89c3b6a8-7579-413a-88a8-dc7a625eafc3', 'private', 'ivy', 'IVY@example.com', 'subscriber', 'audio messaging video', '181807f6-15ec-4435-ba8c-74e0b688a7f0', false, NULL, NULL, 1700000003);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '57f7f5db-e5cb-4e67-b961-87245b16d899', 'private', 'ivy-57f7f5dbe5cb', 'Ivy@example.com', 'subscriber', 'audio messaging video', 'e7c62b4b-44cc-4c92-8171-0203e19739a8', false, NULL, NULL, 1700000004);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '2ec169e5-530c-446d-a5d8-fbeb5552bd6b', 'private', 'rene', 'René', 'subscriber', 'audio messaging video', 'fcbeee0d-7532-4875-a000-c5d175c43a5b', false, NULL, NULL, 1700000005);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'fa9537ea-2d95-4ff5-b8a5-7b86ea9a39d9', 'private', 'rene-fa9537ea2d95', 'René', 'subscriber', 'audio messaging video', 'aa3eb737-c726-492a-b957-769a40e831a3', false, NULL, NULL, 1700000006);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'b478c18c-e5af-4bf4-be0f-f5f8060e9000', 'private', 'dave', 'dave
', 'subscriber', 'audio messaging video', '35a453a5-a8a9-4fc4-aaf9-9b8b0ed5b1f8', false, NULL, NULL, 1700000007);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'a7a94a19-eb7d-4eb1-9542-d4d0fe128ad2', 'private', 'dave-a7a94a19eb7d', 'dave', 'subscriber', 'audio messaging video', 'ab1066ca-ba6a-45b6-b0ee-a3f94a34a77b', false, NULL, NULL, 1700000008);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'f2e6ff6f-6514-4804-acdd-8412acccab01', 'private', 'gina', 'gina​', 'subscriber', 'audio messaging video', '4d285f19-c7b8-4f1f-81e4-5ba193fbe400', false, NULL, NULL, 1700000009);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '3c0f33a9-426c-4330-be72-d4844a4c7f66', 'private', 'hal', '‮hal', 'subscriber', 'audio messaging video', '85d7e868-b2e8-4dc8-9e18-45ca01b8f6ff', false, NULL, NULL, 1700000010);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'edcede8c-a050-4884-a380-375b5e69047c', 'private', 'subscriber', '​', 'subscriber', 'audio messaging video', 'ad2b27ef-d2e4-4eab-9269-794dacc360f6', false, NULL, NULL, 1700000011);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'a9682432-87da-402d-a4e7-b0882bd1c712', 'private', 'carl', 'Carl@Example.com', 'subscriber', 'audio messaging video', '1dd1236b-2487-4353-84aa-7bb99753dd04', false, NULL, NULL, 1700000012);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '537a84e5-0421-4220-9c1c-7c78168935c1', 'private', 'unal', 'Ünal', 'subscriber', 'audio messaging video', 'c586a70d-0afe-4613-a3da-b84d0f557775', false, NULL, NULL, 1700000013);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '8507d938-1149-4d67-82b5-c36f9fbfbc95', 'private', '15550100', '+15550100', 'subscriber', 'audio messaging video', '9cab229d-2e94-4c88-99c2-4c1bbf82e840', false, NULL, NULL, 1700000014);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '9f499f86-cb5e-45ba-b70f-3e3d4cdd5166', 'private', 'user-7', 'user 7', 'subscriber', 'audio messaging video', 'a67bbe56-9f2f-4eca-ba0b-74d2410a639b', false, NULL, NULL, 1700000015);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '2a56e5e8-28bb-4e2d-87ba-59ecfde176b3', 'private', 'nina-n', 'Nina N.', 'subscriber', 'audio messaging video', '0d9eeaf8-5c2c-408a-a61f-23fc5ecca7a1', false, NULL, NULL, 1700000015);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '4509b997-91b4-4239-bc95-bcff4cb20961', 'private', 'otto', 'otto@example.com', 'subscriber', 'audio messaging video', '65e9e9e1-7d58-429b-b348-e7486b65f012', false, NULL, NULL, 1700000015);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'a86ad392-07af-4136-b4a9-eb002387360b', 'private', 'pia', 'pia@example.com', 'subscriber', 'audio messaging video', '50d76e09-c59d-475f-b6de-ba984708baf1', false, NULL, NULL, 1700000015);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '7b70ab56-f282-4211-a33e-7a3f44629eda', 'private', 'quin', 'quin@example.com', 'subscriber', 'audio messaging video', 'c796b49b-20f1-4da9-87ed-c6de66d49b36', false, NULL, NULL, 1700000015);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '42a0a90e-605d-409d-bf07-41cf831b2163', 'private', 'ruth', 'Reception', 'subscriber', 'audio messaging video', '0f6c6e93-39c2-4e31-9ee0-9d93fcd2e04e', false, NULL, NULL, 1700000015);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '651a93a6-5562-42f9-8784-67e8c211fed6', 'private', 'kim', 'kim', 'subscriber', 'audio messaging video', '5b0fcbb2-774b-4ec7-9a97-4cda65c3b819', false, NULL, NULL, 1700000016);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'af920c59-9c20-4a40-9f53-3beaefc67b97', 'private', 'lee', 'lee', 'subscriber', 'audio messaging video', '6e7f4fbb-2e0b-4d6e-b781-8e6d6eb38e11', false, NULL, NULL, 1700000017);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'b745f43e-413f-4ec7-b617-7a49bb530fa8', 'private', 'sam', 'sam', 'subscriber', 'audio messaging video', '46f27e7a-9922-4bca-bd96-cfec9e4d0ac9', false, NULL, NULL, 1700000018);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'c12c8631-cc43-431e-b004-01997199ebef', 'private', 'alice', 'alice@example.com', 'subscriber', 'audio messaging video', '14d0b34d-e354-466e-8f5d-e7cced016c7c', false, NULL, NULL, 1700000018);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '31200658-b8d2-4414-82d3-87c12bbba1c9', 'private', 'refreshed', 'refreshed@example.com', 'subscriber', 'audio messaging video', '4cb2224d-dd7e-451e-801b-c5dcab5d232c', false, NULL, NULL, 1700000018);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'b12ea082-26fe-4e93-81bf-b39523c08982', 'private', 'revoked', 'revoked@example.com', 'subscriber', 'audio messaging video', '773ff6e0-9c59-40e1-b317-95715fcdb405', false, NULL, NULL, 1700000018);
INSERT INTO public.addresses VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '584b17e2-933e-451c-b406-eac7e3e1eed6', 'private', 'bound', 'bound@example.com', 'subscriber', 'audio messaging video', '5246b3a5-50e5-45c9-b086-bef18f2d6dd6', false, NULL, NULL, 1700000018);
INSERT INTO public.addresses VALUES ('a70cbcc9-525a-4f1c-8e32-de92f62062d9', '1ea184d5-d9f5-4d57-93a3-6e8136a33b53', 'public', 'support', 'support', 'room', 'audio messaging video', NULL, false, NULL, NULL, 1700000018);
INSERT INTO public.addresses VALUES ('a70cbcc9-525a-4f1c-8e32-de92f62062d9', 'b96344bd-e134-4ee9-a6bf-e993d7da3d16', 'public', 'sales', 'sales', 'room', 'audio messaging video', NULL, false, NULL, NULL, 1700000018);
INSERT INTO public.addresses VALUES ('a70cbcc9-525a-4f1c-8e32-de92f62062d9', '719c7fe9-9372-4760-af24-daec467bb6e9', 'public', 'menu', 'menu', 'app', 'audio messaging video', NULL, false, NULL, NULL, 1700000018);
INSERT INTO public.api_tokens VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'a0e9fab4-c1f0-486f-a071-951f45348360', 'kit', 'calling chat datasphere fax management messaging numbers pubsub storage tasking video', '\xf0109d688ef62c6ac4f17a1c73daec333d5b1063702f7ec70f62d4e9bf3e0607', 1700000000);
INSERT INTO public.api_tokens VALUES ('a70cbcc9-525a-4f1c-8e32-de92f62062d9', '9c75627c-96e5-4b06-977f-58ded6515b34', 'kit', 'calling chat datasphere fax management messaging numbers pubsub storage tasking video', '\x2f9b3c6cc6b7fafb77d99abf241f9712dcdab83045e8e0e166a97da181a5ade7', 1700000018);
INSERT INTO public.c2c_tokens VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'efe1b572-92c6-4eac-8604-611b4852a4ca', '9751640a-d0c5-473d-b906-2f1e06ddf932', 'kit', '\xd508ff3669d76e86315406ddc7ca98a32828a1177bb721b49fe444ac15f22ea9', '', 1700000018, NULL);
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe568007000800007b5051d5388', 'api_token_created', 1700000000, NULL, NULL, 'a0e9fab4-c1f0-486f-a071-951f45348360', NULL, '', 'kit', 'kit', 'tests');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe56be8700080000bb5051d5388', 'issued', 1700000001, 'c448958d-954c-4444-a0e3-94dfba6bb08a', 'b03f8972-491e-4eab-9122-4311c301ba61', NULL, 0, '', '24ef561871eb-1', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe56fd0700080000fb5051d5388', 'issued', 1700000002, '7b438da7-6ccc-4eef-ac53-651d8866c34a', 'f887a230-0a2b-4570-bee8-e3edb50f7263', NULL, 0, '', '24ef561871eb-2', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe573b87000800013b5051d5388', 'issued', 1700000003, '181807f6-15ec-4435-ba8c-74e0b688a7f0', 'd871292d-56bf-4e45-8f64-6b51fd5702f2', NULL, 0, '', '24ef561871eb-3', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe577a07000800017b5051d5388', 'issued', 1700000004, 'e7c62b4b-44cc-4c92-8171-0203e19739a8', 'fda0c67b-9cf7-4ad3-b91a-0c2a36dae358', NULL, 0, '', '24ef561871eb-4', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe57b88700080001bb5051d5388', 'issued', 1700000005, 'fcbeee0d-7532-4875-a000-c5d175c43a5b', 'fe5aa913-0374-4679-bd90-1e3e98cf986f', NULL, 0, '', '24ef561871eb-5', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe57f70700080001fb5051d5388', 'issued', 1700000006, 'aa3eb737-c726-492a-b957-769a40e831a3', '354b1010-6938-466a-afcd-176cc0f95314', NULL, 0, '', '24ef561871eb-6', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe583587000800023b5051d5388', 'issued', 1700000007, '35a453a5-a8a9-4fc4-aaf9-9b8b0ed5b1f8', 'a89b8b50-3b89-49d8-90e3-1f8a97e67716', NULL, 0, '', '24ef561871eb-7', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe587407000800027b5051d5388', 'issued', 1700000008, 'ab1066ca-ba6a-45b6-b0ee-a3f94a34a77b', 'a4bec2d2-7d72-47f6-913b-96ecd2142f73', NULL, 0, '', '24ef561871eb-8', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe58b28700080002bb5051d5388', 'issued', 1700000009, '4d285f19-c7b8-4f1f-81e4-5ba193fbe400', 'acdb9682-a7d6-4fe3-b36d-97e2c3f0f19b', NULL, 0, '', '24ef561871eb-9', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe58f10700080002fb5051d5388', 'issued', 1700000010, '85d7e868-b2e8-4dc8-9e18-45ca01b8f6ff', '9c2813cb-a626-49c5-95c4-cb99fe92a72a', NULL, 0, '', '24ef561871eb-a', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe592f87000800033b5051d5388', 'issued', 1700000011, 'ad2b27ef-d2e4-4eab-9269-794dacc360f6', '383e5bc9-0d16-458d-9a3d-ce5b411cb5df', NULL, 0, '', '24ef561871eb-b', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe596e07000800037b5051d5388', 'issued', 1700000012, '1dd1236b-2487-4353-84aa-7bb99753dd04', 'ec811f0e-09d8-4356-8581-e9fad310e3f6', NULL, 0, '', '24ef561871eb-c', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe59ac8700080003bb5051d5388', 'issued', 1700000013, 'c586a70d-0afe-4613-a3da-b84d0f557775', '4d16e4be-88a3-41d4-b159-f4d02c0f4293', NULL, 0, '', '24ef561871eb-d', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe59eb0700080003fb5051d5388', 'issued', 1700000014, '9cab229d-2e94-4c88-99c2-4c1bbf82e840', 'eae1b945-b4aa-44a5-9538-ad9aff1c5826', NULL, 0, '', '24ef561871eb-e', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe5a2987000800043b5051d5388', 'issued', 1700000015, 'a67bbe56-9f2f-4eca-ba0b-74d2410a639b', 'd8002fb7-10f6-4239-bfe3-3b0d9d885598', NULL, 0, '', '24ef561871eb-f', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe5a2987000800047b5051d5388', 'issued', 1700000015, '0d9eeaf8-5c2c-408a-a61f-23fc5ecca7a1', '7385508b-6cfb-4d9b-9901-06c5ed7fee45', NULL, 0, '', '24ef561871eb-10', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe5a298700080004bb5051d5388', 'issued', 1700000015, '65e9e9e1-7d58-429b-b348-e7486b65f012', '211fe90b-26cb-4292-a21c-2fb9aeca3388', NULL, 0, '', '24ef561871eb-11', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe5a298700080004fb5051d5388', 'issued', 1700000015, '50d76e09-c59d-475f-b6de-ba984708baf1', 'f260c9c4-dcb7-4559-b8b8-b177addf3a4e', NULL, 0, '', '24ef561871eb-12', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe5a2987000800053b5051d5388', 'issued', 1700000015, 'c796b49b-20f1-4da9-87ed-c6de66d49b36', '2a69cdc1-037b-4d9e-b59f-4f7fda82a316', NULL, 0, '', '24ef561871eb-13', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe5a2987000800057b5051d5388', 'issued', 1700000015, '0f6c6e93-39c2-4e31-9ee0-9d93fcd2e04e', '50f9376d-7ffe-4bc0-9488-460d95081a9f', NULL, 0, '', '24ef561871eb-14', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe5a680700080005bb5051d5388', 'issued', 1700000016, '5b0fcbb2-774b-4ec7-9a97-4cda65c3b819', 'e4e939c2-8451-46c6-8368-ef03eb31cdef', NULL, 0, '', '24ef561871eb-18', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe5aa68700080005fb5051d5388', 'issued', 1700000017, '6e7f4fbb-2e0b-4d6e-b781-8e6d6eb38e11', 'ab60f438-ec70-463e-952c-37ecec69854f', NULL, 0, '', '24ef561871eb-1a', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe5ae507000800063b5051d5388', 'issued', 1700000018, '46f27e7a-9922-4bca-bd96-cfec9e4d0ac9', '147c7fb9-a38b-4ded-9c5f-f146bd7b8d57', NULL, 0, '', '24ef561871eb-1c', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe5ae507000800067b5051d5388', 'issued', 1700000018, '14d0b34d-e354-466e-8f5d-e7cced016c7c', '5ec9a994-55fe-477e-abef-7416dd47f651', NULL, 0, '', '24ef561871eb-1e', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe5ae50700080006bb5051d5388', 'issued', 1700000018, '4cb2224d-dd7e-451e-801b-c5dcab5d232c', '3b948e3b-2f32-4dd1-84cd-5a5bdb3531f7', NULL, 0, '', '24ef561871eb-1f', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe5ae50700080006fb5051d5388', 'refreshed', 1700000018, '4cb2224d-dd7e-451e-801b-c5dcab5d232c', '3b948e3b-2f32-4dd1-84cd-5a5bdb3531f7', NULL, 1, '', '24ef561871eb-20', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe5ae507000800073b5051d5388', 'issued', 1700000018, '773ff6e0-9c59-40e1-b317-95715fcdb405', '0e8bac60-8144-4a30-8792-21e7227ffb3d', NULL, 0, '', '24ef561871eb-22', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe5ae507000800077b5051d5388', 'session_revoked', 1700000018, '773ff6e0-9c59-40e1-b317-95715fcdb405', '0e8bac60-8144-4a30-8792-21e7227ffb3d', NULL, NULL, '', '24ef561871eb-23', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe5ae50700080007bb5051d5388', 'issued', 1700000018, 'b2b510e4-d55d-4b52-ac57-1f5f12a2793a', '6676a8f1-d248-47df-8593-674822c84b33', NULL, 0, '', '24ef561871eb-24', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe5ae50700080007fb5051d5388', 'issued', 1700000018, '549c9642-cd1e-4f25-9cf3-76c6197c339e', '4806ba02-7593-403a-9c10-e05274fdfd6a', '14d0b34d-e354-466e-8f5d-e7cced016c7c', 0, '', '24ef561871eb-26', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe5ae507000800083b5051d5388', 'c2c_token_created', 1700000018, NULL, NULL, 'efe1b572-92c6-4eac-8604-611b4852a4ca', NULL, '', 'kit', 'kit', 'tests');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe5ae507000800087b5051d5388', 'issued', 1700000018, 'a4d7b6fa-142a-4c18-b5cd-2b6a86b32738', '1dd6582a-3b92-4f1a-9008-44bddcf1de07', 'efe1b572-92c6-4eac-8604-611b4852a4ca', 0, '', '24ef561871eb-27', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe5ae50700080008bb5051d5388', 'issued', 1700000018, '5246b3a5-50e5-45c9-b086-bef18f2d6dd6', '6d8ac75e-a615-4a1e-9db1-4adfc0a6c7fd', NULL, 0, '', '24ef561871eb-28', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x018bcfe5ae507000800093b5051d5388', 'device_token_issued', 1700000018, '5246b3a5-50e5-45c9-b086-bef18f2d6dd6', '6d8ac75e-a615-4a1e-9db1-4adfc0a6c7fd', NULL, 0, '', '24ef561871eb-29', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.events VALUES ('a70cbcc9-525a-4f1c-8e32-de92f62062d9', '\x018bcfe5ae507000800097b5051d5388', 'api_token_created', 1700000018, NULL, NULL, '9c75627c-96e5-4b06-977f-58ded6515b34', NULL, '', 'kit', 'kit', 'tests');
INSERT INTO public.events VALUES ('a70cbcc9-525a-4f1c-8e32-de92f62062d9', '\x018bcfe5ae50700080009bb5051d5388', 'webhook_created', 1700000018, NULL, NULL, 'a540ebcf-c9fa-4570-97e2-43f61334adc8', NULL, '', 'kit', 'kit', 'tests');
INSERT INTO public.projects VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'demo', 1700000000, 0, NULL);
INSERT INTO public.projects VALUES ('a70cbcc9-525a-4f1c-8e32-de92f62062d9', 'other', 1700000018, 0, NULL);
INSERT INTO public.proofs VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '\x142eeed880de9da9ad93f9504b29999321592ca1fb0d6fb40915d1b1f77c5e18', '\xa80951d6fdc22a52ff840765df72b37975dae78d3659fa3b134587962d99bd85', 1700000018, 1700000918, 0, 1700000383);
INSERT INTO public.schema_migrations VALUES (1, '0001_first', '4ef206333420efd4b93eaabb5d0ec3beed3054e4ff1c87c16c75b028f0c2807b', 1, 1700000000);
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'b03f8972-491e-4eab-9122-4311c301ba61', 0, 'c448958d-954c-4444-a0e3-94dfba6bb08a', 0, 'subscriber', 0, 1700000001, 2330720000, -1, 1700000001, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'f887a230-0a2b-4570-bee8-e3edb50f7263', 0, '7b438da7-6ccc-4eef-ac53-651d8866c34a', 0, 'subscriber', 0, 1700000002, 2330720000, -1, 1700000002, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'd871292d-56bf-4e45-8f64-6b51fd5702f2', 0, '181807f6-15ec-4435-ba8c-74e0b688a7f0', 0, 'subscriber', 0, 1700000003, 2330720000, -1, 1700000003, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'fda0c67b-9cf7-4ad3-b91a-0c2a36dae358', 0, 'e7c62b4b-44cc-4c92-8171-0203e19739a8', 0, 'subscriber', 0, 1700000004, 2330720000, -1, 1700000004, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'fe5aa913-0374-4679-bd90-1e3e98cf986f', 0, 'fcbeee0d-7532-4875-a000-c5d175c43a5b', 0, 'subscriber', 0, 1700000005, 2330720000, -1, 1700000005, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '354b1010-6938-466a-afcd-176cc0f95314', 0, 'aa3eb737-c726-492a-b957-769a40e831a3', 0, 'subscriber', 0, 1700000006, 2330720000, -1, 1700000006, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'a89b8b50-3b89-49d8-90e3-1f8a97e67716', 0, '35a453a5-a8a9-4fc4-aaf9-9b8b0ed5b1f8', 0, 'subscriber', 0, 1700000007, 2330720000, -1, 1700000007, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'a4bec2d2-7d72-47f6-913b-96ecd2142f73', 0, 'ab1066ca-ba6a-45b6-b0ee-a3f94a34a77b', 0, 'subscriber', 0, 1700000008, 2330720000, -1, 1700000008, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'acdb9682-a7d6-4fe3-b36d-97e2c3f0f19b', 0, '4d285f19-c7b8-4f1f-81e4-5ba193fbe400', 0, 'subscriber', 0, 1700000009, 2330720000, -1, 1700000009, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '9c2813cb-a626-49c5-95c4-cb99fe92a72a', 0, '85d7e868-b2e8-4dc8-9e18-45ca01b8f6ff', 0, 'subscriber', 0, 1700000010, 2330720000, -1, 1700000010, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '383e5bc9-0d16-458d-9a3d-ce5b411cb5df', 0, 'ad2b27ef-d2e4-4eab-9269-794dacc360f6', 0, 'subscriber', 0, 1700000011, 2330720000, -1, 1700000011, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'ec811f0e-09d8-4356-8581-e9fad310e3f6', 0, '1dd1236b-2487-4353-84aa-7bb99753dd04', 0, 'subscriber', 0, 1700000012, 2330720000, -1, 1700000012, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '4d16e4be-88a3-41d4-b159-f4d02c0f4293', 0, 'c586a70d-0afe-4613-a3da-b84d0f557775', 0, 'subscriber', 0, 1700000013, 2330720000, -1, 1700000013, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'eae1b945-b4aa-44a5-9538-ad9aff1c5826', 0, '9cab229d-2e94-4c88-99c2-4c1bbf82e840', 0, 'subscriber', 0, 1700000014, 2330720000, -1, 1700000014, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'd8002fb7-10f6-4239-bfe3-3b0d9d885598', 0, 'a67bbe56-9f2f-4eca-ba0b-74d2410a639b', 0, 'subscriber', 0, 1700000015, 2330720000, -1, 1700000015, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '7385508b-6cfb-4d9b-9901-06c5ed7fee45', 0, '0d9eeaf8-5c2c-408a-a61f-23fc5ecca7a1', 0, 'subscriber', 0, 1700000015, 2330720000, -1, 1700000015, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '211fe90b-26cb-4292-a21c-2fb9aeca3388', 0, '65e9e9e1-7d58-429b-b348-e7486b65f012', 0, 'subscriber', 0, 1700000015, 2330720000, -1, 1700000015, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'f260c9c4-dcb7-4559-b8b8-b177addf3a4e', 0, '50d76e09-c59d-475f-b6de-ba984708baf1', 0, 'subscriber', 0, 1700000015, 2330720000, -1, 1700000015, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '2a69cdc1-037b-4d9e-b59f-4f7fda82a316', 0, 'c796b49b-20f1-4da9-87ed-c6de66d49b36', 0, 'subscriber', 0, 1700000015, 2330720000, -1, 1700000015, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '50f9376d-7ffe-4bc0-9488-460d95081a9f', 0, '0f6c6e93-39c2-4e31-9ee0-9d93fcd2e04e', 0, 'subscriber', 0, 1700000015, 2330720000, 0, 1700000015, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'e4e939c2-8451-46c6-8368-ef03eb31cdef', 0, '5b0fcbb2-774b-4ec7-9a97-4cda65c3b819', 0, 'subscriber', 0, 1700000016, 2330720000, -1, 1700000016, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'ab60f438-ec70-463e-952c-37ecec69854f', 0, '6e7f4fbb-2e0b-4d6e-b781-8e6d6eb38e11', 0, 'subscriber', 0, 1700000017, 2330720000, -1, 1700000017, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '147c7fb9-a38b-4ded-9c5f-f146bd7b8d57', 0, '46f27e7a-9922-4bca-bd96-cfec9e4d0ac9', 0, 'subscriber', 0, 1700000018, 2330720000, -1, 1700000018, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '3b948e3b-2f32-4dd1-84cd-5a5bdb3531f7', 0, '4cb2224d-dd7e-451e-801b-c5dcab5d232c', 0, 'subscriber', 1, 1700000018, 1700007218, 1, 1700000018, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '0e8bac60-8144-4a30-8792-21e7227ffb3d', 0, '773ff6e0-9c59-40e1-b317-95715fcdb405', 0, 'subscriber', 0, 1700000018, 2330720000, -1, 1700000018, 9007199254740992, 2330720300, NULL, 2330720300, 1700000018, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '5ec9a994-55fe-477e-abef-7416dd47f651', 0, '14d0b34d-e354-466e-8f5d-e7cced016c7c', 0, 'subscriber', 0, 1700000018, 1700000078, 0, 1700000018, 9007199254740992, 1700000378, NULL, 1700000378, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '6676a8f1-d248-47df-8593-674822c84b33', 0, 'b2b510e4-d55d-4b52-ac57-1f5f12a2793a', 0, 'guest', 0, 1700000018, 2330720000, -1, 1700000018, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '4806ba02-7593-403a-9c10-e05274fdfd6a', 0, '549c9642-cd1e-4f25-9cf3-76c6197c339e', 0, 'invite', 0, 1700000018, 2330720000, -1, 1700000018, 9007199254740992, 2330720300, NULL, 2330720300, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '1dd6582a-3b92-4f1a-9008-44bddcf1de07', 0, 'a4d7b6fa-142a-4c18-b5cd-2b6a86b32738', 0, 'embed', 0, 1700000018, 1700007218, -1, 1700000018, 9007199254740992, 1700007518, NULL, 1700007518, NULL, NULL, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.sessions VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '6d8ac75e-a615-4a1e-9db1-4adfc0a6c7fd', 0, '5246b3a5-50e5-45c9-b086-bef18f2d6dd6', 0, 'subscriber', 0, 1700000018, 1700007218, 0, 1700000018, 9007199254740992, 1700007518, 1700000018, 1700007518, NULL, 'ZseolsY3OQ6hMil470A9HyEos5MBz5s07krYilTinIg', '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'c448958d-954c-4444-a0e3-94dfba6bb08a', 'subscriber', 'Bob@Example.com', 'Bob@Example.com', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000001, 1700000001);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '7b438da7-6ccc-4eef-ac53-651d8866c34a', 'subscriber', 'bob@example.com', 'bob@example.com', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000002, 1700000002);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '181807f6-15ec-4435-ba8c-74e0b688a7f0', 'subscriber', 'IVY@example.com', 'IVY@example.com', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000003, 1700000003);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'e7c62b4b-44cc-4c92-8171-0203e19739a8', 'subscriber', 'Ivy@example.com', 'Ivy@example.com', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000004, 1700000004);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'fcbeee0d-7532-4875-a000-c5d175c43a5b', 'subscriber', 'René', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000005, 1700000005);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'aa3eb737-c726-492a-b957-769a40e831a3', 'subscriber', 'René', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000006, 1700000006);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '35a453a5-a8a9-4fc4-aaf9-9b8b0ed5b1f8', 'subscriber', 'dave
', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000007, 1700000007);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'ab1066ca-ba6a-45b6-b0ee-a3f94a34a77b', 'subscriber', 'dave', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000008, 1700000008);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '4d285f19-c7b8-4f1f-81e4-5ba193fbe400', 'subscriber', 'gina​', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000009, 1700000009);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '85d7e868-b2e8-4dc8-9e18-45ca01b8f6ff', 'subscriber', '‮hal', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000010, 1700000010);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'ad2b27ef-d2e4-4eab-9269-794dacc360f6', 'subscriber', '​', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000011, 1700000011);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '1dd1236b-2487-4353-84aa-7bb99753dd04', 'subscriber', 'Carl@Example.com', 'Carl@Example.com', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000012, 1700000012);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'c586a70d-0afe-4613-a3da-b84d0f557775', 'subscriber', 'Ünal', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000013, 1700000013);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '9cab229d-2e94-4c88-99c2-4c1bbf82e840', 'subscriber', '+15550100', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000014, 1700000014);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'a67bbe56-9f2f-4eca-ba0b-74d2410a639b', 'subscriber', 'user 7', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000015, 1700000015);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '0d9eeaf8-5c2c-408a-a61f-23fc5ecca7a1', 'subscriber', 'nina@example.com', 'nina@example.com', NULL, NULL, NULL, 'Nina N.', NULL, NULL, NULL, NULL, NULL, 0, 1700000015, 1700000015);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '65e9e9e1-7d58-429b-b348-e7486b65f012', 'subscriber', 'otto@example.com', 'otto@example.com', NULL, 'Otto', 'Ott', NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000015, 1700000015);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '50d76e09-c59d-475f-b6de-ba984708baf1', 'subscriber', 'pia@example.com', 'pia@example.com', NULL, NULL, NULL, 'pia@example.com', NULL, NULL, NULL, NULL, NULL, 0, 1700000015, 1700000015);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '0f6c6e93-39c2-4e31-9ee0-9d93fcd2e04e', 'subscriber', 'ruth@example.com', 'ruth@example.com', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000015, 1700000015);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'c796b49b-20f1-4da9-87ed-c6de66d49b36', 'subscriber', 'quin@example.com', 'quin@example.com', NULL, NULL, NULL, 'Quin Q.', NULL, NULL, NULL, NULL, NULL, 0, 1700000015, 1700000015);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '5b0fcbb2-774b-4ec7-9a97-4cda65c3b819', 'subscriber', 'kim', 'Kim@Example.com', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000016, 1700000016);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '6e7f4fbb-2e0b-4d6e-b781-8e6d6eb38e11', 'subscriber', 'lee', 'kim@example.com', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000017, 1700000017);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '46f27e7a-9922-4bca-bd96-cfec9e4d0ac9', 'subscriber', 'sam', 'frank@example.com', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000018, 1700000018);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '14d0b34d-e354-466e-8f5d-e7cced016c7c', 'subscriber', 'alice@example.com', 'alice@example.com', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'us-central', NULL, 0, 1700000018, 1700000018);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '4cb2224d-dd7e-451e-801b-c5dcab5d232c', 'subscriber', 'refreshed@example.com', 'refreshed@example.com', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000018, 1700000018);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '773ff6e0-9c59-40e1-b317-95715fcdb405', 'subscriber', 'revoked@example.com', 'revoked@example.com', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000018, 1700000018);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'b2b510e4-d55d-4b52-ac57-1f5f12a2793a', 'guest', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000018, 1700000018);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '549c9642-cd1e-4f25-9cf3-76c6197c339e', 'invite', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000018, 1700000018);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', 'a4d7b6fa-142a-4c18-b5cd-2b6a86b32738', 'embed', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000018, 1700000018);
INSERT INTO public.subscribers VALUES ('c43eb2d0-8af8-4643-962e-fce3fef6c15b', '5246b3a5-50e5-45c9-b086-bef18f2d6dd6', 'subscriber', 'bound@example.com', 'bound@example.com', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1700000018, 1700000018);
INSERT INTO public.webhooks VALUES ('a70cbcc9-525a-4f1c-8e32-de92f62062d9', 'a540ebcf-c9fa-4570-97e2-43f61334adc8', 'https://example.com/hook', 'd26a9568b1f9.eVD9pB0Q_Vzu0XCXv6MZuw.rfoh8sfAhLIb7qVsV1Ks60EUENPEcswMUIeDXHg7SMjbv7NjfQ26Lfbx6VZg4C3_3MBafuLM8jO-1-4s', 1700000018);
ALTER TABLE ONLY public.addresses
    ADD CONSTRAINT addresses_pkey PRIMARY KEY (project_id, address_id);
ALTER TABLE ONLY public.api_tokens
    ADD CONSTRAINT api_tokens_pkey PRIMARY KEY (project_id, token_id);
ALTER TABLE ONLY public.c2c_tokens
    ADD CONSTRAINT c2c_tokens_pkey PRIMARY KEY (project_id, token_id);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (project_id, webhook_id, event_id);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (project_id, event_id);
ALTER TABLE ONLY public.presence
    ADD CONSTRAINT presence_pkey PRIMARY KEY (project_id, connection_id);
ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_pkey PRIMARY KEY (project_id);
ALTER TABLE ONLY public.proofs
    ADD CONSTRAINT proofs_pkey PRIMARY KEY (project_id, proof);
ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (project_id, session_id);
ALTER TABLE ONLY public.subscribers
    ADD CONSTRAINT subscribers_pkey PRIMARY KEY (project_id, subscriber_id);
ALTER TABLE ONLY public.webhooks
    ADD CONSTRAINT webhooks_pkey PRIMARY KEY (project_id, webhook_id);
CREATE INDEX addresses_by_age ON public.addresses USING btree (project_id, created_at, address_id);
CREATE INDEX addresses_by_bare_name ON public.addresses USING btree (project_id, name, address_id);
CREATE INDEX addresses_by_display_name ON public.addresses USING btree (project_id, display_name, created_at, address_id);
CREATE UNIQUE INDEX addresses_by_name ON public.addresses USING btree (project_id, context, name);
CREATE INDEX addresses_by_owner ON public.addresses USING btree (project_id, subscriber_id, created_at, address_id) WHERE (subscriber_id IS NOT NULL);
CREATE INDEX addresses_by_type ON public.addresses USING btree (project_id, type, created_at, address_id);
CREATE UNIQUE INDEX api_tokens_by_digest ON public.api_tokens USING btree (project_id, digest);
CREATE INDEX c2c_tokens_by_digest ON public.c2c_tokens USING btree (digest);
CREATE INDEX deliveries_by_time ON public.deliveries USING btree (next_at);
CREATE INDEX events_that_end ON public.events USING btree (event_id) WHERE (kind = ANY (ARRAY['project_revoked'::text, 'reuse_detected'::text, 'session_revoked'::text, 'subscriber_deleted'::text, 'subscriber_revoked'::text]));
CREATE INDEX presence_by_end ON public.presence USING btree (lease_until);
CREATE INDEX presence_by_subscriber ON public.presence USING btree (project_id, subscriber_id);
CREATE INDEX proofs_by_end ON public.proofs USING btree (forget_at);
CREATE INDEX sessions_by_subscriber ON public.sessions USING btree (subscriber_id, created_at);
CREATE INDEX subscribers_by_age ON public.subscribers USING btree (project_id, created_at, subscriber_id) WHERE (reference IS NOT NULL);
CREATE UNIQUE INDEX subscribers_by_email ON public.subscribers USING btree (email, project_id);
CREATE UNIQUE INDEX subscribers_by_reference ON public.subscribers USING btree (reference, project_id);
