import { connect } from 'node:net';

/** Asks a service at two addresses all the time; what counts is the longest while without an answer from either. */
export interface Probe {
  /** Seconds of the longest silence so far. */
  longestGapS(): number;
  stop(): Promise<void>;
}

export interface Question {
  port: number;
  bytes: Buffer;
  /** Whether the first bytes of an answer are one. */
  isAnswer(bytes: Buffer): boolean;
}

const everyMs = 10;
const answerMsMax = 100;

export const http: Question = {
  port: 8080,
  bytes: Buffer.from('GET / HTTP/1.0\r\n\r\n'),
  isAnswer: (bytes) => bytes.subarray(0, 12).toString().endsWith(' 200'),
};

/** A start-up message; a server that is ready asks for a password, one that is starting says so with an error. */
export const postgres: Question = {
  port: 5432,
  bytes: startup('user\0postgres\0database\0postgres\0\0'),
  isAnswer: (bytes) => bytes[0] === 'R'.charCodeAt(0),
};

function startup(parameters: string): Buffer {
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + parameters.length, 0);
  head.writeInt32BE(196_608, 4);
  return Buffer.concat([head, Buffer.from(parameters)]);
}

function ask(host: string, { port, bytes, isAnswer }: Question): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(answerMsMax, () => end(false));
    socket.once('connect', () => socket.write(bytes));
    socket.once('data', (data) => end(isAnswer(data)));
    socket.once('error', () => end(false));
    socket.once('close', () => end(false));
  });
}

export function startProbe(hosts: string[], question: Question): Probe {
  let lastAt = performance.now();
  let longest = 0;
  let stopped = false;
  const loops = hosts.map(async (host) => {
    while (!stopped) {
      if (await ask(host, question)) {
        const now = performance.now();
        longest = Math.max(longest, now - lastAt);
        lastAt = now;
      }
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  });
  return {
    longestGapS: () => longest / 1000,
    stop: async () => {
      stopped = true;
      await Promise.all(loops);
    },
  };
}
