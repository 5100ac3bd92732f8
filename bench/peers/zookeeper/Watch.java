import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.SynchronousQueue;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;

/** Sets a node's data in one session; takes the time until the watch of another has fired, and until that has read the data. */
public class Watch {
    /** Longer than setting a watch takes; as in calls/waiter.rb. */
    private static final long ASLEEP_MS = 20;
    /** Until the virtual machine has compiled what matters. */
    private static final int WARM_UP = 500;
    private static final String PATH = "/bench";

    public static void main(String[] arguments) throws Exception {
        int count = Integer.parseInt(arguments[1]);
        ZooKeeper setter = connect(arguments[0]);
        ZooKeeper waiter = connect(arguments[0]);
        setter.create(PATH, new byte[0], Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        List<String> watch = new ArrayList<>();
        List<String> read = new ArrayList<>();
        for (int round = 0; round < WARM_UP + count; round++) {
            SynchronousQueue<Long> fired = new SynchronousQueue<>();
            waiter.getData(PATH, event -> put(fired, System.nanoTime()), null);
            Thread.sleep(round < WARM_UP ? 0 : ASLEEP_MS);
            long began = System.nanoTime();
            setter.setData(PATH, new byte[] {1}, -1, (code, path, context, stat) -> { }, null);
            long awake = fired.take();
            waiter.getData(PATH, false, null);
            long over = System.nanoTime();
            if (round >= WARM_UP) {
                watch.add(String.valueOf((awake - began) / 1e6));
                read.add(String.valueOf((over - began) / 1e6));
            }
        }
        System.out.println("{\"watch\": " + watch + ", \"read\": " + read + "}");
        System.exit(0);
    }

    private static ZooKeeper connect(String address) throws Exception {
        CountDownLatch connected = new CountDownLatch(1);
        ZooKeeper session = new ZooKeeper(address, 30_000, event -> {
            if (event.getState() == Watcher.Event.KeeperState.SyncConnected) {
                connected.countDown();
            }
        });
        connected.await();
        return session;
    }

    private static void put(SynchronousQueue<Long> queue, long value) {
        try {
            queue.put(value);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
