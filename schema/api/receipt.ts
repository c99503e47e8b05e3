import { z } from 'zod';
import { verifications } from '../migration-status.ts';
import { time } from './common.ts';

/** What a completed migration moved, and that both sides read the same back from their disks. */
export const receiptView = z
  .object({
    items: z
      .array(
        z.object({
          item: z.string().describe("The volume's name or the bind mount's path, or `project`."),
          entries: z.number().int().nullable().describe('Files, directories and others.'),
          bytes: z.number().nullable().describe('Sent for it while the stack was stopped.'),
          digest: z
            .string()
            .nullable()
            .describe(
              'Of the manifest that the target read back from its disk. Null if it was equal at once, and others were then sent again.',
            ),
          equal: z.boolean().describe("The source's manifest had the same digest and as many entries."),
        }),
      )
      .describe('Each with the proof without which no migration completes.'),
    bytes: z.number().describe('All that was sent: data, images, the project directory.'),
    bytes_while_running: z.number().describe('The part of it that was sent before the stop.'),
    average_rate: z
      .number()
      .nullable()
      .describe('Bytes per second of the volumes after the stop, verification included.'),
    compared: z.enum(verifications),
    equal: z.boolean(),
    completed_at: time,
  })
  .meta({ id: 'Receipt' });
export type ReceiptView = z.infer<typeof receiptView>;
