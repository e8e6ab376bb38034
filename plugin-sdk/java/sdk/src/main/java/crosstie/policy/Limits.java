package crosstie.policy;

/**
 * Limits in force, or what an answer lowers them to. A plugin can only lower. Null: none, or as it is. What does not belong to the hook is
 * ignored.
 */
public final class Limits {
    private Long sessions;
    private Long links;
    private Long senders;
    private Long receivers;
    private Long unsettled;
    private Long bufferedBytes;
    private Long maxFrameSize;
    private Long maxMessageSize;
    private Long idleTimeoutMs;
    private Long linkCredit;

    public Long sessions() {
        return sessions;
    }

    /** 1 and more. */
    public Limits sessions(long max) {
        sessions = max;
        return this;
    }

    public Long links() {
        return links;
    }

    public Limits links(long max) {
        links = max;
        return this;
    }

    public Long senders() {
        return senders;
    }

    public Limits senders(long max) {
        senders = max;
        return this;
    }

    public Long receivers() {
        return receivers;
    }

    public Limits receivers(long max) {
        receivers = max;
        return this;
    }

    /** Deliveries. */
    public Long unsettled() {
        return unsettled;
    }

    public Limits unsettled(long max) {
        unsettled = max;
        return this;
    }

    public Long bufferedBytes() {
        return bufferedBytes;
    }

    public Limits bufferedBytes(long max) {
        bufferedBytes = max;
        return this;
    }

    /** Bytes. */
    public Long maxFrameSize() {
        return maxFrameSize;
    }

    public Limits maxFrameSize(long max) {
        maxFrameSize = max;
        return this;
    }

    /** Bytes. */
    public Long maxMessageSize() {
        return maxMessageSize;
    }

    /** 1 and more. */
    public Limits maxMessageSize(long max) {
        maxMessageSize = max;
        return this;
    }

    public Long idleTimeoutMs() {
        return idleTimeoutMs;
    }

    /** 1 and more. */
    public Limits idleTimeoutMs(long max) {
        idleTimeoutMs = max;
        return this;
    }

    public Long linkCredit() {
        return linkCredit;
    }

    /** 1 and more. */
    public Limits linkCredit(long max) {
        linkCredit = max;
        return this;
    }

    static Limits read(Reader in) {
        Limits limits = new Limits();
        for (int left = in.map(); left > 0; left--) {
            switch (in.key()) {
                case "sessions" -> limits.sessions = in.u32();
                case "links" -> limits.links = in.u32();
                case "senders" -> limits.senders = in.u32();
                case "receivers" -> limits.receivers = in.u32();
                case "unsettled" -> limits.unsettled = in.u32();
                case "buffered-bytes" -> limits.bufferedBytes = in.u64();
                case "max-frame-size" -> limits.maxFrameSize = in.u32();
                case "max-message-size" -> limits.maxMessageSize = in.u64();
                case "idle-timeout-ms" -> limits.idleTimeoutMs = in.u32();
                case "link-credit" -> limits.linkCredit = in.u32();
                default -> in.skip();
            }
        }
        in.leave();
        return limits;
    }

    void write(Writer out) {
        out.open();
        out.field("sessions", sessions);
        out.field("links", links);
        out.field("senders", senders);
        out.field("receivers", receivers);
        out.field("unsettled", unsettled);
        out.field("buffered-bytes", bufferedBytes);
        out.field("max-frame-size", maxFrameSize);
        out.field("max-message-size", maxMessageSize);
        out.field("idle-timeout-ms", idleTimeoutMs);
        out.field("link-credit", linkCredit);
        out.close();
    }
}
