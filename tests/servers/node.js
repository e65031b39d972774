// Tells each HTTP client its address. With "cluster", two workers do.
const [, , host, port, mode] = process.argv;
const cluster = require('node:cluster');
const http = require('node:http');

if (mode === 'cluster' && cluster.isPrimary) {
    cluster.fork();
    cluster.fork();
    process.on('SIGTERM', () => process.exit());
} else {
    const answer = (request, response) =>
        response.end(`${request.socket.remoteAddress}:${request.socket.remotePort}`);
    http.createServer(answer).listen(Number(port), host);
}
