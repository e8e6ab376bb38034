// What records of a request inherit: a list that the request lacks is an empty one.
(() => {
    const record = {};
    const none = Object.freeze([]);
    const lists = [
        "args", "attributes", "candidates", "capabilities", "children", "config", "desired-capabilities", "filters", "granted",
        "labels", "offered-capabilities", "properties", "sans", "truncated",
    ];
    for (const list of lists) Object.defineProperty(record, list, { value: none });
    return Object.freeze(record);
})();
