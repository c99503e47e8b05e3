/** Parses `host:5000/a/b:tag@sha256:…`. Without tag and digest it means `latest`. */
export function parseReference(reference: string): { repo: string; tag: string | null; digest: string | null } {
  const [named = '', digest = null] = reference.split('@');
  const colon = named.lastIndexOf(':');
  if (colon > named.lastIndexOf('/')) return { repo: named.slice(0, colon), tag: named.slice(colon + 1), digest };
  return { repo: named, tag: digest ? null : 'latest', digest };
}

/** True if two references are the same name, however they are written. */
export function isSameName(a: string, b: string): boolean {
  const [one, other] = [parseReference(a), parseReference(b)];
  return canonicalRepo(one.repo) === canonicalRepo(other.repo) && one.tag === other.tag && one.digest === other.digest;
}

/** The form used by image stores: `nginx` is `docker.io/library/nginx`. */
export function canonicalRepo(repo: string): string {
  const [first = '', ...rest] = repo.split('/');
  if (rest.length === 0) return `docker.io/library/${repo}`;
  return /[.:]/.test(first) || first === 'localhost' ? repo : `docker.io/${repo}`;
}
