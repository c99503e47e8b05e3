import type { ContentDigestName } from '../../../schema/content-digest.ts';

/** The digest of contents that the manifests of a command include; null for none. */
export const contentsOf = (payload: {
  contents: boolean;
  content_digest: ContentDigestName;
}): ContentDigestName | null => (payload.contents ? payload.content_digest : null);
