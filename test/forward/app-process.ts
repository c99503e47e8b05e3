import dgram from 'node:dgram';
import http from 'node:http';
import net from 'node:net';

/**
 * `app NAME`: on 8080 HTTP that answers NAME; on 9090 TCP that reads to the end, then says what it read; on 9091 TCP that
 * greets first and echoes; on 5300 UDP that answers NAME. `proxy HOST`: passes these ports on to a host, as Docker's userland proxy does.
 */
const [role, name = ''] = process.argv.slice(2);
const half = { allowHalfOpen: true };
const ports = [8080, 9090, 9091];
const servers: net.Server[] = [];
const listening = (server: net.Server, port: number) =>
  new Promise<void>((resolve) => server.listen({ port, host: '::', backlog: 4096 }, resolve));
const listen = (server: net.Server, port: number) => {
  servers.push(server);
  return listening(server, port);
};

if (role === 'app') {
  const datagrams = dgram.createSocket('udp6');
  datagrams.on('message', (_asked, { port, address }) => datagrams.send(name, port, address));
  await new Promise<void>((resolve) => datagrams.bind(5300, resolve));
  await listen(
    http.createServer((_request, response) => response.setHeader('connection', 'close').end(name)),
    8080,
  );
  await listen(
    net.createServer(half, async (socket) => {
      const read: Buffer[] = [];
      socket.on('error', () => {});
      for await (const bytes of socket) read.push(bytes as Buffer);
      const all = Buffer.concat(read);
      socket.end(`${name} ${all.length} ${all.subarray(0, 64).toString('hex')}`);
    }),
    9090,
  );
  await listen(
    net.createServer(half, (socket) => {
      socket.on('error', () => {});
      socket.write(`hello from ${name}\n`);
      socket.pipe(socket);
    }),
    9091,
  );
} else {
  for (const port of ports) {
    await listen(
      net.createServer(half, (socket) => {
        const on = net.connect({ host: name, port, ...half });
        socket.on('error', () => on.destroy());
        on.on('error', () => socket.destroy());
        socket.pipe(on).pipe(socket);
      }),
      port,
    );
  }
}
/**
 * On `stop` the app takes no more connections once nobody is connected and nobody has come for a while: what came before the
 * redirection is served, on a busy machine too. On `start` it listens again. The process stays, so that its start takes no
 * part of the pause.
 */
let quiet = 0;
let connected = 0;
for (const server of servers) {
  server.on('connection', (socket: net.Socket) => {
    quiet = 0;
    connected += 1;
    socket.once('close', () => {
      connected -= 1;
    });
  });
}
process.on('message', async (order) => {
  if (order === 'start') {
    await Promise.all(servers.map((server, index) => listening(server, ports[index]!)));
    process.send?.('ready');
    return;
  }
  const timer = setInterval(() => {
    quiet = connected > 0 ? 0 : quiet + 1;
    if (quiet <= 10) return;
    clearInterval(timer);
    for (const server of servers) server.close();
    process.send?.('stopped');
  }, 50);
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
