import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import java.util.List;

/**
 * A server that speaks MongoDB's protocol, on one file: java -cp 'jars/*' MongoServerForTests.java FILE PORT. Prints its port. SIGTERM, and
 * the end of its standard input (whoever started it is gone), close the file in order.
 */
public class MongoServerForTests {
  public static void main(String[] args) throws Exception {
    // It behaves as MongoDB 5 does, but says that it is older; today's drivers would refuse it.
    MongoVersion five = new MongoVersion() {
      public List<Integer> getVersionArray() {
        return List.of(5, 0, 0);
      }

      public int getWireVersion() {
        return 13;
      }
    };
    H2Backend backend = new H2Backend(args[0]);
    backend.version(five);
    MongoServer server = new MongoServer(backend);
    server.bind("127.0.0.1", Integer.parseInt(args[1]));
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
    System.out.println(server.getLocalAddress().getPort());
    while (System.in.read() >= 0) {}
    System.exit(0);
  }
}
