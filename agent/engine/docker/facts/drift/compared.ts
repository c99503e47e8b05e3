import type { Configuration, MadeContainer, ModelNames, WholeService } from './made-from.ts';

/** Value in the file and value in the container; equal as JSON if nothing differs. */
export type Field = (compared: Compared) => [written: unknown, made: unknown];

/** A container and its origin. */
export interface Compared {
  service: WholeService;
  container: MadeContainer;
  image: Configuration | null;
  names: ModelNames;
}
