package footfall;

import java.util.Set;
import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.catalyst.expressions.CallMethodViaReflection;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.plans.logical.Command;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.delta.DeltaLogFileIndex;
import org.apache.spark.sql.execution.datasources.HadoopFsRelation;
import org.apache.spark.sql.execution.datasources.LogicalRelation;
import org.apache.spark.sql.execution.datasources.v2.DataSourceV2Relation;
import scala.Function1;
import scala.jdk.javaapi.CollectionConverters;
import scala.runtime.AbstractFunction1;
import scala.runtime.BoxedUnit;

/**
 * Statements of the Thrift server's clients only read the catalog's tables. It is a check of the
 * analyzed statement, before it runs. Others who work in the same Spark are not concerned: a
 * client's statement is known by the thread that analyzes it.
 */
public class ReadOnly extends AbstractFunction1<SparkSessionExtensions, BoxedUnit> {
    private static final String CLIENTS = "HiveServer2-";
    private static final Set<String> QUESTIONS = Set.of("Show", "Describe", "Explain");
    private static final Set<String> HARMLESS =
            Set.of("SetCatalogAndNamespace", "SetNamespaceCommand");
    private static final Set<String> CHANGES = Set.of("InsertInto", "Delta", "ScriptTransform");

    @Override
    @SuppressWarnings({"unchecked", "rawtypes"})
    public BoxedUnit apply(SparkSessionExtensions extensions) {
        Function1 ruleOf = new AbstractFunction1<Object, Function1>() {
            @Override
            public Function1 apply(Object session) {
                return each(ReadOnly::check);
            }
        };
        extensions.injectCheckRule(ruleOf);
        return BoxedUnit.UNIT;
    }

    private interface Step<T> {
        void take(T item);
    }

    private static <T> Function1<T, BoxedUnit> each(Step<T> step) {
        return new AbstractFunction1<T, BoxedUnit>() {
            @Override
            public BoxedUnit apply(T item) {
                step.take(item);
                return BoxedUnit.UNIT;
            }
        };
    }

    private static void check(LogicalPlan plan) {
        if (Thread.currentThread().getName().startsWith(CLIENTS)) {
            plan.foreachWithSubqueries(each(ReadOnly::checkNode));
        }
    }

    private static void checkNode(LogicalPlan node) {
        String name = node.getClass().getSimpleName();
        boolean reads = beginsWith(name, QUESTIONS) || HARMLESS.contains(name);
        if ((node instanceof Command && !reads) || beginsWith(name, CHANGES)) {
            refuse(name.replaceAll("(Command|Statement)$", "") + " is refused");
        }
        if (isFile(node)) {
            refuse("files are no tables");
        }
        CollectionConverters.asJava(node.expressions()).forEach(ReadOnly::checkExpression);
    }

    private static boolean isFile(LogicalPlan node) {
        if (node instanceof LogicalRelation source && source.catalogTable().isEmpty()) {
            // Delta reads a table's log by a query of its own, as part of the client's.
            return !(source.relation() instanceof HadoopFsRelation files
                    && files.location() instanceof DeltaLogFileIndex);
        }
        return node instanceof DataSourceV2Relation source && source.identifier().isEmpty();
    }

    private static void checkExpression(Expression expression) {
        expression.foreach(each(part -> {
            if (part instanceof CallMethodViaReflection) {
                refuse("calls of Java are refused");
            }
        }));
    }

    private static boolean beginsWith(String name, Set<String> beginnings) {
        return beginnings.stream().anyMatch(name::startsWith);
    }

    private static void refuse(String what) {
        throw new UnsupportedOperationException(
                "footfall serve only reads tables: " + what
                        + ". `footfall serve start --writable` allows it.");
    }
}
