import type { TargetFacts } from '../../../schema/target-facts.ts';
import { arrivingImages, loginFor } from './arriving-images.ts';
import type { Fit } from './fit.ts';
import { type CheckResult, fail, list, note, pass } from './verdicts.ts';

type Located = TargetFacts['images'][number];

const words: Record<Exclude<Located['state'], 'present' | 'pullable'>, string> = {
  differs: 'is another image on the target',
  not_found: 'is not found',
  unauthorized: 'needs a login on the target',
  rate_limited: 'is refused for now by the registry (rate limit)',
  unreachable: 'is not on the target, and its registry can’t be reached from there',
};

export function imageAvailable(fit: Fit): CheckResult {
  const { target } = fit;
  const missing = missingImages(fit);
  const measured = { images: target.images };
  if (missing.length === 0) {
    const refused = refusedLogins(fit);
    const found = imagesFound(fit);
    return refused.length === 0 ? pass(found, measured) : note([found, ...refused].join(' '), measured);
  }
  const what = missing.map(
    ({ reference, state, detail }) => `${reference} ${words[state]}${detail ? ` (${detail})` : ''}`,
  );
  const lifted = !fit.options.with_registry_auth && missingImages(withLogins(fit)).length === 0;
  const advice = lifted
    ? ['The source has a login for it: "with_registry_auth": true has the target pull with that.']
    : [...new Set(missing.map(imageAdvice))];
  return fail(
    [`${list(what)}.`, ...refusedLogins(fit), ...advice].join(' '),
    measured,
    lifted ? [{ with_registry_auth: true }] : [],
  );
}

const withLogins = (fit: Fit): Fit => ({ ...fit, options: { ...fit.options, with_registry_auth: true } });

function missingImages(fit: Fit) {
  const { shipped, private_images } = arrivingImages(fit, fit.logins);
  const arriving = new Set([...shipped, ...private_images].map(({ reference }) => reference));
  return fit.target.images.flatMap((image) =>
    image.state === 'present' || image.state === 'pullable' || arriving.has(image.reference)
      ? []
      : [{ ...image, state: image.state }],
  );
}

/** Why images are not pulled with the source's logins although that was asked for. */
function refusedLogins({ options, target, logins }: Fit): string[] {
  if (!options.with_registry_auth || logins === null) return [];
  if (!target.registry_logins) return ['The target’s agent can’t pull with the source’s logins: update it.'];
  if (!logins.ok) return [`The source’s registry logins could not be read: ${logins.why}.`];
  const references = [...new Set(target.images.map(({ reference }) => reference))];
  return references.flatMap((reference) => {
    const { state = null, detail = '' } = loginFor(logins, reference) ?? {};
    if (state === 'refused') return [`The registry of ${reference} refuses the source’s login (${detail}).`];
    if (state === 'unreadable') return [`The source’s login for ${reference} can’t be read: ${detail}.`];
    if (state === 'unneeded')
      return [
        `The source gets ${reference} from ${detail} without a login, so none is sent: find out why the target does not.`,
      ];
    if (state === 'none')
      return [`The source has no login for ${reference} (${detail}): log in there as its agent’s user, mostly root.`];
    return [];
  });
}

/** A tag on the target is never moved: that could change what another stack starts next. */
function imageAdvice({ state, loadable = true }: Located): string {
  if (state === 'differs')
    return 'A tag of the target is never moved: on the source, give this image a tag of its own, name that in the compose file, and recreate the service.';
  if (!loadable)
    return 'An image that is named by its digest can only be sent between two containerd image stores: let the target reach its registry, or name a tag in the compose file.';
  return 'Load or pull it there first.';
}

function imagesFound(fit: Fit): string {
  const { shipped, private_images } = arrivingImages(fit, fit.logins);
  const all = fit.target.images.length;
  const found = `${all - shipped.length - private_images.length} of ${all} images are on the target or can be pulled there`;
  const named = (images: { reference: string }[]) => list(images.map(({ reference }) => reference));
  return [
    found,
    ...(private_images.length > 0 ? [`${named(private_images)} will be pulled with the source’s login`] : []),
    ...(shipped.length > 0 ? [`${named(shipped)} will be sent from the source`] : []),
  ]
    .join('; ')
    .concat('.');
}
