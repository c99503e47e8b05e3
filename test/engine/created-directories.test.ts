import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type CreatedDirectories, openCreatedDirectories } from '../../agent/engine/created-directories.ts';
import { temporaryDirectory } from '../agent/temporary.ts';

let root: string;
let path: string;
let placed: CreatedDirectories;

beforeEach(async () => {
  root = await temporaryDirectory();
  path = join(root, 'stacks', 'shop');
  placed = openCreatedDirectories(join(root, 'placed.json'));
});

/** Somebody puts their own directory where the migration's was. */
async function putAnother(): Promise<void> {
  await rm(path, { recursive: true });
  await mkdir(path);
  await writeFile(join(path, 'theirs'), 'kept');
}

const theirs = () => readFile(join(path, 'theirs'), 'utf8');

describe('a project directory that a migration placed', () => {
  it('is its own until it is removed, after a restart of the agent too', async () => {
    await placed.claim(path, 'mig_1');
    await writeFile(join(path, 'compose.yaml'), '');
    const restarted = openCreatedDirectories(join(root, 'placed.json'));
    await restarted.claim(path, 'mig_1');
    await restarted.empty(path, 'mig_1');
    expect(existsSync(path)).toBe(false);
    await restarted.claim(path, 'mig_1');
    await restarted.remove(path, 'mig_1');
    expect(existsSync(path)).toBe(false);
  });

  it('is refused where anything is, and where another migration placed it', async () => {
    await placed.claim(path, 'mig_1');
    await writeFile(join(path, 'compose.yaml'), '');
    await expect(placed.claim(path, 'mig_2')).rejects.toMatchObject({ code: 'resource_taken' });
    await placed.remove(path, 'mig_2');
    expect(existsSync(path)).toBe(true);
  });

  it('is gone for the migration once somebody has put their own there', async () => {
    await placed.claim(path, 'mig_1');
    expect(await placed.holds(path, 'mig_1')).toBe(true);
    expect(await placed.holds(path, 'mig_2')).toBe(false);
    await putAnother();
    expect(await placed.holds(path, 'mig_1')).toBe(false);
    await expect(placed.empty(path, 'mig_1')).rejects.toMatchObject({ code: 'resource_taken' });
    await placed.remove(path, 'mig_1');
    expect(await theirs()).toBe('kept');
  });

  it('leaves no directory above it behind that was made for it, and none that has something else', async () => {
    path = join(root, 'made', 'for', 'it');
    await placed.claim(path, 'mig_1');
    await writeFile(join(path, 'file'), '');
    await placed.remove(path, 'mig_1');
    expect(existsSync(join(root, 'made'))).toBe(false);
    await placed.claim(path, 'mig_1');
    await writeFile(join(root, 'made', 'else'), '');
    await placed.remove(path, 'mig_1');
    expect(existsSync(join(root, 'made', 'for'))).toBe(false);
    expect(existsSync(join(root, 'made', 'else'))).toBe(true);
  });

  it('that was there, empty, is there again, with its owner and mode', async () => {
    await mkdir(path, { recursive: true });
    await chmod(path, 0o2750);
    await placed.claim(path, 'mig_1');
    await chmod(path, 0o700);
    await writeFile(join(path, 'file'), '');
    // A repeat of the command, after a restart of the agent, knows it still.
    await openCreatedDirectories(join(root, 'placed.json')).claim(path, 'mig_1');
    await placed.empty(path, 'mig_1');
    await placed.claim(path, 'mig_1');
    await placed.remove(path, 'mig_1');
    expect(await readdir(path)).toEqual([]);
    expect((await stat(path)).mode & 0o7777).toBe(0o2750);
  });

  it('that was there is there again also where the removal, or a reset, was interrupted', async () => {
    await mkdir(path, { recursive: true });
    await placed.claim(path, 'mig_1');
    await placed.empty(path, 'mig_1');
    await placed.remove(path, 'mig_1');
    expect(await readdir(path)).toEqual([]);
  });

  it('stays while it is used', async () => {
    await placed.claim(path, 'mig_1');
    const used = async () => {
      throw new Error('container reader mounts it');
    };
    await expect(placed.remove(path, 'mig_1', used)).rejects.toThrow('reader');
    expect(await placed.holds(path, 'mig_1')).toBe(true);
  });

  it('is distinguished from one that was moved to its place', async () => {
    await placed.claim(path, 'mig_1');
    const other = join(root, 'other');
    await mkdir(other);
    await writeFile(join(other, 'theirs'), 'kept');
    await rm(path, { recursive: true });
    await rename(other, path);
    await placed.remove(path, 'mig_1');
    expect(await theirs()).toBe('kept');
  });

  it('is removed after a crash before it was recorded which one was made, only while it is empty', async () => {
    await mkdir(path, { recursive: true });
    const crashed = { [path]: { migration_id: 'mig_1', mark: null } };
    await writeFile(join(root, 'placed.json'), JSON.stringify(crashed));
    await writeFile(join(path, 'theirs'), 'kept');
    await placed.remove(path, 'mig_1');
    expect(await theirs()).toBe('kept');
    await rm(join(path, 'theirs'));
    await placed.remove(path, 'mig_1');
    expect(existsSync(path)).toBe(false);
  });
});
