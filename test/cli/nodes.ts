/** As the API answers them. */

export const time = '2026-01-01T00:00:00.000Z';

export const idOf = (kind: string, n: number) => `${kind}_${String(n).padStart(26, '0')}`;

export const host = (n: number, name: string, status: string) => ({
  ...{ id: idOf('host', n), name, status, created_at: time, joined_at: time, seen_at: time, agent_version: '0.2.0' },
  ...{ connected_from: null, certificate_ends_at: null, warnings: [], resources: null, cordoned_at: null },
  program_sha256: null,
});
