// Tells each client its address, as a blocking server socket knows it.
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;

class Blocking {
    public static void main(String[] arguments) throws Exception {
        ServerSocket listener = new ServerSocket();
        listener.bind(new InetSocketAddress(InetAddress.getByName(arguments[0]), Integer.parseInt(arguments[1])));
        while (true) {
            try (Socket client = listener.accept()) {
                String line = client.getInetAddress().getHostAddress() + ":" + client.getPort() + "\n";
                client.getOutputStream().write(line.getBytes());
            }
        }
    }
}
