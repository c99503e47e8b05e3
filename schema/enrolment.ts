import { z } from 'zod';
import { limits } from './limits.ts';

/** Enrolment and renewal of a node's certificate, over HTTP. */

const text = z.string().max(4096);
const id = z.string().max(64);
export const enrollRequest = z
  .strictObject({
    join_token: z.string().max(200),
    /** PKCS #10, PEM. Its subject and extensions are ignored; its key must be EC P-256. */
    csr: z.string().max(limits.certificate.csrBytesMax),
  })
  .meta({ id: 'EnrollRequest' });
export const renewRequest = z
  .strictObject({ csr: z.string().max(limits.certificate.csrBytesMax) })
  .meta({ id: 'RenewRequest' });
export const enrollResponse = z
  .object({
    id,
    kind: z.enum(['host', 'relay']),
    name: text,
    fleet_id: id,
    certificate: z.string(),
    ca: z.string(),
  })
  .meta({ id: 'EnrollResponse' });
export type EnrollResponse = z.infer<typeof enrollResponse>;

/** Audience of the tokens that agents and relays sign to connect. */
export const agentTokenAudience = 'stackferry-control';
/** Where agents and relays connect, below the control plane's origin. */
export const agentPaths = {
  enroll: '/api/v1/enroll',
  renew: '/api/v1/enroll/renew',
  connect: '/api/v1/agents/connect',
  /** The agent's program, as `install.sh` fetches it. */
  program: '/install/agent.js',
} as const;
