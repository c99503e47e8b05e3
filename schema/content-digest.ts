import { z } from 'zod';

/**
 * How the contents of a file are digested for a proof. An agent of the previous release knows `sha256` alone; `gmac`
 * costs a fraction of it. Both sides of a migration use the same.
 */
export const contentDigestName = z.enum(['sha256', 'gmac']);
export type ContentDigestName = z.infer<typeof contentDigestName>;
