import { z } from 'zod';

/** Which release answers. */
export const versionView = z
  .object({
    version: z.string().describe('Release of the control plane.'),
    api: z.string().describe('The version of this API that is in the paths: `v1`.'),
  })
  .meta({ id: 'Version' });
