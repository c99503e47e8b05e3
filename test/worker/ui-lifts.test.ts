import { describe, expect, it } from 'vitest';
import { stackFacts } from '../saga/preflight/well-facts.ts';
import { mediaMount, plainTree } from '../support/media-mount.ts';
import { drainFleet, gib } from './support/drain-fleet.ts';
import { logIn, request, submit } from './support/ui.ts';

const fleet = () =>
  drainFleet({
    stacks: { bound: gib / 2, plain: gib / 4 },
    says: (project) =>
      project === 'bound' ? { bind_mounts: [mediaMount], bind_trees: [plainTree(mediaMount.source)] } : {},
    finds: (_, project) =>
      project !== 'bound'
        ? {}
        : {
            bind_mounts: [{ path: mediaMount.source, exists: false }],
            bind_places: [
              ...[
                {
                  place: mediaMount.source,
                  free: true,
                  detail: '',
                  free_bytes: gib,
                  filesystem: '1',
                  with_volumes: false,
                },
              ],
            ],
          },
  });

/** The checkboxes of a page: name, value and whether it is ticked. */
const boxes = (html: string, names: RegExp) =>
  [...html.matchAll(/<input type="checkbox"[^>]*?name="([^"]+)"(?: value="([^"]+)")?( checked="")?\/>/g)]
    .map(([, name, value, checked]) => [name, value, checked !== undefined])
    .filter(([name]) => names.test(String(name)));

it('the page of a refused migration offers what lifts the refusal, and checks again with what is chosen', async () => {
  const there = await fleet();
  const cookie = await logIn(there.token);
  const review = async (more: string) => {
    const query = `target=${there.idOf('b')}&from=${there.idOf('a')}&mode=stop-copy&sizing=stack${more}`;
    return (await request(`/ui/stacks/bound/migrate/review?${query}`, { headers: { cookie } })).text();
  };
  const refused = await review('');
  expect(refused).toContain('It can’t move as asked; it could with the options below.');
  expect(boxes(refused, /^(bind|accept_unmoved)$/).slice(0, 2)).toEqual([
    ['bind', '/srv/media', true],
    ['accept_unmoved', 'on', false],
  ]);
  expect(await review('&bind=/srv/media')).toContain('The pre-flight passed');
  expect(await review('&accept_unmoved=on')).toContain('The pre-flight passed');
}, 60_000);

it('the source’s registry logins are offered, and nobody but a person ticks that', async () => {
  const reference = 'one.example/web@sha256:d';
  const there = await drainFleet({
    stacks: { private: gib / 4 },
    says: () => ({
      services: stackFacts.services.map((service) => ({ ...service, image: { ...service.image, reference } })),
    }),
    finds: () => ({
      images: [{ reference, state: 'unauthorized', detail: '', layers_present: 0, loadable: false }],
    }),
  });
  const cookie = await logIn(there.token);
  const review = async (more: string) => {
    const query = `target=${there.idOf('b')}&from=${there.idOf('a')}&mode=stop-copy&sizing=stack${more}`;
    return (await request(`/ui/stacks/private/migrate/review?${query}`, { headers: { cookie } })).text();
  };
  const refused = await review('');
  expect(refused).toContain('It can’t move as asked; it could with the options below.');
  expect(boxes(refused, /^with_registry_auth$/)).toEqual([['with_registry_auth', 'on', false]]);
  expect(await review('&with_registry_auth=on')).toContain('The pre-flight passed');
  // A drain has the option for each stack.
  const page = await (await request(`/ui/hosts/${there.idOf('a')}/drain`, { headers: { cookie } })).text();
  expect(boxes(page, /^of:private:with/)).toEqual([['of:private:with_registry_auth', 'on', false]]);
}, 60_000);

it('R9: the page asks for the values of unknown variables, and hands on what was typed', async () => {
  const asked: unknown[] = [];
  const there = await drainFleet({
    stacks: { plain: gib / 4 },
    says: (_, environment) => {
      asked.push(environment);
      const current = 'HOME' in (environment ?? {});
      return {
        unknown_variables: current ? [] : ['HOME'],
        drift: { current, detail: 'web differs in environment (A).', services: [], as_written: null },
      };
    },
  });
  const cookie = await logIn(there.token);
  const review = async (more: string) => {
    const query = `target=${there.idOf('b')}&from=${there.idOf('a')}&mode=stop-copy&sizing=stack${more}`;
    return (await request(`/ui/stacks/plain/migrate/review?${query}`, { headers: { cookie } })).text();
  };
  expect(await review('')).toContain('name="env:HOME" value=""');
  const passed = await review('&env=HOME%3D%2Fold&env%3AHOME=%2Fhome%2Fann&env%3AOTHER=');
  expect(passed).toContain('The pre-flight passed');
  expect(passed).toContain('name="env" value="HOME=/home/ann"');
  expect(asked).toEqual([{}, { HOME: '/home/ann' }]);
  const page = `/ui/hosts/${there.idOf('a')}/drain`;
  const plan = async (query: string) => (await request(`${page}?${query}`, { headers: { cookie } })).text();
  expect(await plan('')).toContain('name="of:plain:env:HOME" value=""');
  expect(await plan('of%3Aplain%3Aenv%3AHOME=%2Fhome%2Fann')).toContain('name="of:plain:env:HOME" value="/home/ann"');
  expect(asked.at(-1)).toEqual({ HOME: '/home/ann' });
}, 60_000);

it('the page of a report has the patterns of what is left out, keeps them in every form, and names what is wrong with one', async () => {
  const there = await fleet();
  const cookie = await logIn(there.token);
  const review = async (exclude: string) => {
    const query = new URLSearchParams({
      ...{
        target: there.idOf('b'),
        from: there.idOf('a'),
        mode: 'stop-copy',
        sizing: 'stack',
        bind: '/srv/media',
        exclude,
      },
    });
    return (await request(`/ui/stacks/bound/migrate/review?${query}`, { headers: { cookie } })).text();
  };
  const page = await review('/srv/media/a&b/**\r\n\r\n  /srv/media/<c> ');
  expect(page).toContain('The pre-flight passed');
  expect(page).toMatch(
    /<textarea[^>]* name="exclude"[^>]*>\/srv\/media\/a&amp;b\/\*\*\n\/srv\/media\/&lt;c&gt;<\/textarea>/,
  );
  const hidden = page.match(
    /type="hidden" name="exclude" value="\/srv\/media\/a&amp;b\/\*\*\n\/srv\/media\/&lt;c&gt;"/g,
  );
  expect(hidden, 'the forms of room, bind mounts and names, and the one that starts it').toHaveLength(4);
  expect(page).toContain('Left out by /srv/media/&lt;c&gt;: nothing');
  expect(await review('media/cache')).toContain('Use an absolute path without');
}, 60_000);

it('the page of a report has the names that are to be pointed, keeps them in every form, and names what is wrong with one', async () => {
  const there = await fleet();
  const cookie = await logIn(there.token);
  const review = async (cutover_dns: string) => {
    const to = { target: there.idOf('b'), from: there.idOf('a'), mode: 'stop-copy', sizing: 'stack' };
    const query = new URLSearchParams({ ...to, bind: '/srv/media', exclude: '/srv/media/a', cutover_dns });
    return (await request(`/ui/stacks/bound/migrate/review?${query}`, { headers: { cookie } })).text();
  };
  const page = await review('example.com/shop.example.com\r\n\r\n Example.com/www.example.com ');
  expect(page).toContain('The pre-flight passed');
  const names = 'example\\.com/shop\\.example\\.com\\n[Ee]xample\\.com/www\\.example\\.com';
  expect(page).toMatch(new RegExp(`<textarea[^>]* name="cutover_dns"[^>]*>${names}</textarea>`));
  const hidden = page.match(new RegExp(`type="hidden" name="cutover_dns" value="${names}"`, 'g'));
  expect(hidden, 'room, bind mounts, patterns, and the form that starts it').toHaveLength(4);
  expect(page.match(/type="hidden" name="exclude"/g), 'in the form of the names too').toHaveLength(4);
  expect(await review('example.com')).toContain('Use ZONE/NAME');
}, 60_000);

describe('the plan of a drain', () => {
  it('offers each stack what would let it go, plans with what is chosen for it, and starts the drain so', async () => {
    const there = await fleet();
    const cookie = await logIn(there.token);
    const page = `/ui/hosts/${there.idOf('a')}/drain`;
    const plan = async (query: string) => (await request(`${page}?${query}`, { headers: { cookie } })).text();
    const first = await plan('');
    expect(boxes(first, /^of:/)).toEqual([
      ['of:bound:bind', '/srv/media', false],
      ['of:bound:accept_unmoved', 'on', false],
      ['of:bound:leave', 'on', false],
      ['of:plain:leave', 'on', false],
    ]);
    const chosen = 'of%3Abound%3Aaccept_unmoved=on&of%3Aplain%3Aleave=on';
    const again = await plan(chosen);
    expect(again).toContain('The stack can move.');
    expect(boxes(again, /^of:/)).toEqual([
      ['of:bound:accept_unmoved', 'on', true],
      ['of:bound:leave', 'on', false],
      ['of:plain:leave', 'on', true],
    ]);
    const fields = new URLSearchParams(
      [
        ...again.slice(again.indexOf('<form method="post"')).matchAll(/type="hidden" name="([^"]+)" value="([^"]*)"/g),
      ].map(([, name = '', value = '']) => [name, value]),
    );
    fields.set('csrf', /name="csrf" value="([^"]+)"/.exec(again)?.[1] ?? '');
    fields.set('confirm', 'a');
    const started = await submit(page, fields, cookie);
    expect(started.status).toBe(303);
    const id = started.headers.get('location')?.split('/').at(-1) ?? '';
    expect(await there.show(id)).toMatchObject({
      per_stack: { bound: { accept_unmoved: true }, plain: { leave: true } },
    });
    await there.ended(id);
  }, 60_000);
});
