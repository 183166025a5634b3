package footfall;

import io.delta.storage.HadoopFileSystemLogStore;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.util.Iterator;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSDataOutputStreamBuilder;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Delta's log on S3 for several drivers at once: a commit is put only where there is none of its
 * number yet ("If-None-Match: *"), which the object store decides.
 */
public class ConditionalPutLogStore extends HadoopFileSystemLogStore {
    private static final String ONLY_IF_ABSENT = "fs.option.create.conditional.overwrite";

    public ConditionalPutLogStore(Configuration configuration) {
        super(configuration);
    }

    @Override
    public void write(
            Path path, Iterator<String> actions, Boolean overwrite, Configuration configuration)
            throws IOException {
        // In memory first: a stream that breaks off would put half a commit when it is closed.
        ByteArrayOutputStream commit = new ByteArrayOutputStream();
        while (actions.hasNext()) {
            commit.write((actions.next() + "\n").getBytes(StandardCharsets.UTF_8));
        }
        FileSystem store = path.getFileSystem(configuration);
        FSDataOutputStreamBuilder<?, ?> builder = store.createFile(path).overwrite(overwrite);
        if (!overwrite) {
            builder.must(ONLY_IF_ABSENT, "true");
        }
        try (FSDataOutputStream stream = builder.build()) {
            commit.writeTo(stream);
        } catch (IOException error) {
            if (!overwrite && isRefused(error)) {
                throw new FileAlreadyExistsException(path.toString());
            }
            throw error;
        }
    }

    private static boolean isRefused(Throwable error) {
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            if (cause instanceof org.apache.hadoop.fs.FileAlreadyExistsException
                    || String.valueOf(cause.getMessage()).contains("Status Code: 412")) {
                return true;
            }
        }
        return false;
    }

    @Override
    public Boolean isPartialWriteVisible(Path path, Configuration configuration) {
        return false;
    }
}
