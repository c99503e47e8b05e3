/** What an API token may do; each scope includes the ones before it. */
export const scopes = ['read', 'migrate', 'admin'] as const;
export type Scope = (typeof scopes)[number];
