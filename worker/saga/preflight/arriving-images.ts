import type { ShippedImage } from '../../../schema/commands/parts.ts';
import type { StackFacts, StackImage } from '../../../schema/facts.ts';
import type { MoveOptions } from '../../../schema/move-options.ts';
import type { ImageLogin } from '../../../schema/registry-logins.ts';
import type { SagaPlan } from '../../../schema/saga.ts';
import type { TargetFacts } from '../../../schema/target-facts.ts';
import type { Logins } from './preflight-facts.ts';

/**
 * Images that the target cannot pull but the source can send. Excludes `differs`: the tag names another image there.
 */
export function shippedImages(stack: StackFacts, target: TargetFacts): ShippedImage[] {
  const asked = new Map(stack.services.toReversed().map(({ image }) => [image.reference, image]));
  return target.images.flatMap(({ reference, state, layers_present, loadable }) => {
    const image = asked.get(reference);
    // Only once, even if the target lists it several times.
    asked.delete(reference);
    const absent = state !== 'present' && state !== 'pullable' && state !== 'differs';
    // An older agent does not report it, and cannot load an image referenced by digest.
    const taken = loadable ?? !reference.includes('@');
    return absent && taken && image?.image_id && image.layers.length > 0 ? [{ ...image, layers_present }] : [];
  });
}

interface Images {
  stack: StackFacts;
  target: TargetFacts;
  options: Pick<MoveOptions, 'with_registry_auth'>;
}

/** How images reach the target that it neither has nor can pull by itself: each in one way at most. */
export function arrivingImages(images: Images, logins: Logins): Pick<SagaPlan, 'shipped' | 'private_images'> {
  const { stack, target, options } = images;
  const sendable = shippedImages(stack, target);
  const isSendable = ({ reference }: StackImage) => sendable.some((image) => image.reference === reference);
  const usable = options.with_registry_auth && target.registry_logins;
  const private_images = usable
    ? loginImages(stack, target).filter((image) => {
        const state = loginFor(logins, image.reference)?.state;
        // Where the source can't tell, what is certain to arrive is preferred.
        return state === 'accepted' || (state === 'unverified' && !isSendable(image));
      })
    : [];
  const shipped = sendable.filter(({ reference }) => !private_images.some((image) => image.reference === reference));
  return { shipped, private_images };
}

/** Images for whose registry a login is asked of the source: all that one may give, if not sent or if it is chosen. */
export function loginsWanted({ stack, target, options }: Images): string[] {
  const sendable = shippedImages(stack, target).map(({ reference }) => reference);
  return loginImages(stack, target)
    .map(({ reference }) => reference)
    .filter((reference) => options.with_registry_auth || !sendable.includes(reference));
}

export const loginFor = (logins: Logins, reference: string): ImageLogin | undefined =>
  logins?.ok ? logins.data.find((login) => login.reference === reference) : undefined;

/** Images of a registry that does not give them to the target; one that it can't reach would not with a login either. */
function loginImages(stack: StackFacts, { images }: TargetFacts): StackImage[] {
  const refused = images.filter(({ state }) => ['unauthorized', 'not_found', 'rate_limited'].includes(state));
  const wanted = new Map(stack.services.toReversed().map(({ image }) => [image.reference, image]));
  return [...wanted.values()].filter(
    ({ reference, repo_digests }) =>
      (repo_digests.length > 0 || reference.includes('@')) && refused.some((image) => image.reference === reference),
  );
}
