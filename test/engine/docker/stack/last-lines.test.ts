import { expect, onTestFinished, test } from 'vitest';
import { lastLines, linesOf } from '../../../../agent/engine/docker/stack/last-lines.ts';
import { startEngine } from '../engine-server.ts';

const frame = (stream: 1 | 2, text: string): Buffer => {
  const head = Buffer.alloc(8);
  head.writeUInt8(stream, 0);
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
};

test('the last lines of a container are read, stdout and stderr in their order, and no control character is in them', async () => {
  const asked: string[] = [];
  const { api, close } = await startEngine((path, answer) => {
    if (path.endsWith('/json')) return void answer.end(JSON.stringify({ Image: 'sha256:1', Config: {} }));
    asked.push(path);
    answer.write(frame(1, 'starting\n\u001b[31mred\u001b[0m '));
    answer.end(Buffer.concat([frame(2, 'no such database: shöp\n'), frame(1, '\u0007bell\ttab\r\nlast')]));
  });
  onTestFinished(close);
  expect(await lastLines(api, 'abc', 40)).toEqual(['starting', 'red no such database: shöp', 'bell\ttab', 'last']);
  expect(asked).toEqual(['/containers/abc/logs?stdout=true&stderr=true&tail=40']);
});

test('what a container was given in its environment and arguments is not in them, what its image has is', async () => {
  const own = {
    Env: [
      'DB_PASSWORD=abc',
      'DATABASE_URL=postgres://shop:p%40ss@db/shop',
      'MODE=production-7',
      'NODE_VERSION=24.21.0',
    ],
    Cmd: ['sh', '-c', 'redis-server --requirepass "correct-horse"'],
    Entrypoint: null,
  };
  const { api, close } = await startEngine((path, answer) => {
    if (path.startsWith('/containers/abc/json')) answer.end(JSON.stringify({ Image: 'sha256:1', Config: own }));
    else if (path.startsWith('/images/')) answer.end(JSON.stringify({ Config: { Env: ['NODE_VERSION=24.21.0'] } }));
    else
      answer.end(
        'password "abc" rejected\npostgres://shop:p%40ss@db/shop, p@ss\ncorrect-horse in production-7\nnode 24.21.0\n',
      );
  });
  onTestFinished(close);
  expect(await lastLines(api, 'abc', 40)).toEqual([
    'password "[redacted]" rejected',
    '[redacted], [redacted]',
    '[redacted] in [redacted]',
    'node 24.21.0',
  ]);
});

test('an answer of a container with a terminal is text, and one that was cut off ends where it was cut', () => {
  expect(linesOf(Buffer.from('one\r\ntwo\r\n'))).toEqual(['one', 'two']);
  expect(linesOf(Buffer.alloc(0))).toEqual([]);
  expect(linesOf(frame(1, 'whole\nhalf').subarray(0, 16))).toEqual(['whole', 'ha']);
  expect(linesOf(Buffer.concat([frame(1, 'one\n'), frame(2, 'two').subarray(0, 5)]))).toEqual(['one']);
});

test('a log that cannot be read is an error of the engine', async () => {
  const { api, close } = await startEngine((_, answer) => {
    answer.writeHead(501).end(JSON.stringify({ message: 'configured logging driver does not support reading' }));
  });
  onTestFinished(close);
  await expect(lastLines(api, 'abc', 40)).rejects.toMatchObject({ code: 'engine_error' });
});
