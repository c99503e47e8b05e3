import type { Passage } from '../../../schema/commands/parts.ts';
import { StackferryError } from '../../../schema/errors.ts';
import type { Engine, ImageCarriage } from '../../engine/engine.ts';

/** One lane carries all images of a stack. */
export const imagesLane = 'images';

/** Throws `command_failed` if the engine has no images, which the pre-flight should have refused. */
export function imagesOf({ images, kind }: Engine): ImageCarriage {
  if (images) return images;
  throw new StackferryError('command_failed', `The ${kind} engine has no images to send.`);
}

export const onlyPassage = ([passage]: Passage[]): { passage: Passage } => ({ passage: passage! });
