import type { Passage } from '../../schema/agent-protocol.ts';
import { StackferryError } from '../../schema/errors.ts';
import type { Engine, ImageCarriage } from '../engine/engine.ts';

/** All images of a stack that have to be sent go in one. */
export const imagesLane = 'images';

/** Throws `command_failed` where the pre-flight should have refused. */
export function imagesOf({ images, kind }: Engine): ImageCarriage {
  if (images) return images;
  throw new StackferryError('command_failed', `The ${kind} engine has no images to send.`);
}

export const onlyPassage = ([passage]: Passage[]): { passage: Passage } => ({ passage: passage! });
