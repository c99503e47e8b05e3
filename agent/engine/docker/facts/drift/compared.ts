import type { Configuration, MadeContainer, ModelNames, WholeService } from './made-from.ts';

/** A container and its origin. */
export interface Compared {
  service: WholeService;
  container: MadeContainer;
  image: Configuration | null;
  names: ModelNames;
}
