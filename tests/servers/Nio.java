// Tells each client its address, as a non-blocking server socket and a selector know it.
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;

class Nio {
    public static void main(String[] arguments) throws Exception {
        ServerSocketChannel listener = ServerSocketChannel.open();
        listener.bind(new InetSocketAddress(InetAddress.getByName(arguments[0]), Integer.parseInt(arguments[1])));
        listener.configureBlocking(false);
        Selector selector = Selector.open();
        listener.register(selector, SelectionKey.OP_ACCEPT);
        while (true) {
            selector.select();
            selector.selectedKeys().clear();
            for (SocketChannel client; (client = listener.accept()) != null; client.close()) {
                InetSocketAddress address = (InetSocketAddress) client.getRemoteAddress();
                String line = address.getAddress().getHostAddress() + ":" + address.getPort() + "\n";
                client.write(ByteBuffer.wrap(line.getBytes()));
            }
        }
    }
}
