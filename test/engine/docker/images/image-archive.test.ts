import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer, text as textOf } from 'node:stream/consumers';
import { extract, type Header, pack } from 'tar-stream';
import { expect, it } from 'vitest';
import { copyWithNames, type NamesOf } from '../../../../agent/engine/docker/images/image-archive.ts';
import { contentDigest } from '../../../../agent/engine/docker/images/image-content.ts';
import { limits } from '../../../../schema/limits.ts';

const sha = (text: string) => createHash('sha256').update(text).digest('hex');
const blob = (text: string) => ({ name: `blobs/sha256/${sha(text)}`, text });

/** An image of one layer, as an archive holds it. */
function imageOf(layerText: string) {
  const layer = blob(layerText);
  const layers = [`sha256:${sha(layerText)}`];
  const config = blob(JSON.stringify({ os: 'linux', architecture: 'amd64', config: {}, rootfs: { diff_ids: layers } }));
  const of = (part: { name: string; text: string }) => ({ digest: `sha256:${sha(part.text)}`, size: part.text.length });
  const manifest = blob(JSON.stringify({ config: of(config), layers: [of(layer)] }));
  return {
    layer,
    config,
    manifest,
    content: contentDigest({ layers, os: 'linux', arch: 'amd64', variant: '', config: {} }),
    listed: (RepoTags: string[]) => ({ Config: config.name, RepoTags, Layers: [layer.name] }),
    described: (name: string) => ({
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      ...of(manifest),
      annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name },
    }),
    blobs: [layer, config, manifest],
  };
}

interface Entry extends Partial<Header> {
  name: string;
  text?: string;
}

/** What comes out of an archive of these entries: names and texts. */
async function rewritten(entries: Entry[], namesOf: NamesOf): Promise<Map<string, string>> {
  const sent = pack();
  for (const { text = '', ...header } of entries) sent.entry(header, text);
  sent.finalize();
  const out = pack();
  const copying = copyWithNames(Readable.from(sent, { objectMode: false }), out, namesOf);
  copying.catch((error) => out.destroy(error));
  const reader = extract();
  Readable.from(out, { objectMode: false })
    .on('error', (error) => reader.destroy(error))
    .pipe(reader as never);
  const got = new Map<string, string>();
  for await (const entry of reader) got.set(entry.header.name, await textOf(entry as never));
  await copying;
  return got;
}

const own = imageOf('the layer of the stack’s image');
const other = imageOf('a layer with a back door');
const namesOf: NamesOf = ({ content }) => (content === own.content ? ['ours:1'] : []);
const lists = (...images: [typeof own, string][]): Entry[] => [
  { name: 'manifest.json', text: JSON.stringify(images.map(([image, tag]) => image.listed([tag]))) },
  { name: 'index.json', text: JSON.stringify({ manifests: images.map(([image, tag]) => image.described(tag)) }) },
];

it('P4 an archive of images brings no tag of its own: neither the helper’s nor another stack’s', async () => {
  const entries = [
    ...own.blobs,
    ...other.blobs,
    ...lists([own, 'stackferry-helper:1'], [other, 'neighbour:latest'], [other, 'stackferry-helper:1']),
    { name: 'repositories', text: JSON.stringify({ neighbour: { latest: 'x' } }) },
    { name: 'oci-layout', text: '{"imageLayoutVersion":"9"}' },
  ];
  const got = await rewritten(entries, namesOf);
  expect(JSON.parse(got.get('manifest.json') ?? '')).toEqual([own.listed(['ours:1'])]);
  expect(JSON.parse(got.get('index.json') ?? '').manifests).toEqual([
    { ...own.described(''), annotations: { 'io.containerd.image.name': 'ours:1' } },
  ]);
  expect([...got.keys()]).not.toContain('repositories');
  expect([...got.values()].join()).not.toMatch(/neighbour|stackferry-helper/);
});

it('P4 an archive of images brings no file but blobs, and no link', async () => {
  const entries: Entry[] = [
    ...own.blobs,
    { name: '../../etc/cron.d/x', text: 'root' },
    { name: 'blobs/sha256/../../x', text: 'root' },
    { name: `${'0'.repeat(64)}/layer.tar`, type: 'symlink', linkname: '/etc/shadow' },
    { name: `blobs/sha256/${'0'.repeat(64)}`, type: 'symlink', linkname: '/etc/shadow' },
    { name: `blobs/sha256/${'1'.repeat(64)}`, type: 'link', linkname: '/etc/shadow' },
    ...lists([own, 'a:1']),
  ];
  const got = await rewritten(entries, namesOf);
  expect([...got.keys()].sort()).toEqual(
    [...own.blobs.map(({ name }) => name), 'index.json', 'manifest.json', 'oci-layout'].sort(),
  );
});

it('P10 an image of several platforms keeps its index, so that its digest stays', async () => {
  const index = blob(JSON.stringify({ manifests: [{ ...own.described(''), size: own.manifest.text.length }] }));
  const top = { digest: `sha256:${sha(index.text)}`, size: index.text.length };
  const got = await rewritten(
    [
      ...own.blobs,
      index,
      { name: 'manifest.json', text: JSON.stringify([own.listed([])]) },
      { name: 'index.json', text: JSON.stringify({ manifests: [top] }) },
    ],
    ({ content, digest }) => (content === own.content ? ['ours:1', ...(digest ? [`ours@${digest}`] : [])] : []),
  );
  expect(JSON.parse(got.get('index.json') ?? '').manifests).toEqual([
    { ...top, annotations: { 'io.containerd.image.name': 'ours:1' } },
    { ...top, annotations: { 'io.containerd.image.name': `ours@${top.digest}` } },
  ]);
  expect(JSON.parse(got.get('manifest.json') ?? '')).toEqual([own.listed(['ours:1'])]);
});

it('P10 an archive of an engine before 25 keeps its layers, those that two images share too', async () => {
  const id = 'a'.repeat(64);
  const config = { name: `${sha(own.config.text)}.json`, text: own.config.text };
  const got = await rewritten(
    [
      { name: `${id}/layer.tar`, text: own.layer.text },
      { name: `${'b'.repeat(64)}/layer.tar`, type: 'symlink', linkname: `../${id}/layer.tar` },
      config,
      {
        name: 'manifest.json',
        text: JSON.stringify([{ Config: config.name, RepoTags: ['x:1'], Layers: [`${id}/layer.tar`] }]),
      },
    ],
    namesOf,
  );
  expect([...got.keys()].sort()).toEqual(
    [`${id}/layer.tar`, `${'b'.repeat(64)}/layer.tar`, config.name, 'manifest.json'].sort(),
  );
  expect(JSON.parse(got.get('manifest.json') ?? '')).toEqual([
    { Config: config.name, RepoTags: ['ours:1'], Layers: [`${id}/layer.tar`] },
  ]);
});

it.each([
  ['has no list of images', own.blobs],
  ['has a list that is too long', [{ name: 'manifest.json', text: ' '.repeat(limits.agent.imageJsonBytesMax + 1) }]],
  ['ends early', null],
])('P4 an archive of images that %s is refused', async (_, entries) => {
  const cut = async () => {
    const whole = pack();
    whole.entry({ name: own.layer.name }, own.layer.text);
    whole.finalize();
    const bytes = await buffer(whole as never);
    return copyWithNames(Readable.from([bytes.subarray(0, 520)]), pack(), namesOf);
  };
  await expect(entries ? rewritten(entries, namesOf) : cut()).rejects.toThrow();
});
