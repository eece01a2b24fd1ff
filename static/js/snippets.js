// The code that runs a stream request: curl, Python, PyTorch, HuggingFace.
const shellQuoted = (words) => `'${words.replaceAll("'", "'\\''")}'`;

// Python's literals differ from JSON's in three words.
function python(value, depth = 0) {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null) return "None";
  if (Array.isArray(value)) return `[${value.map((each) => python(each, depth)).join(", ")}]`;
  if (typeof value === "object") {
    const pad = "    ".repeat(depth + 1);
    return `{\n${Object.entries(value).map(([key, each]) => `${pad}${JSON.stringify(key)}: ${python(each, depth + 1)},`).join("\n")}\n${"    ".repeat(depth)}}`;
  }
  return JSON.stringify(value);
}

export function snippets(endpoint, body) {
  const head = `URL = ${JSON.stringify(endpoint)}\nHEADERS = {"Authorization": f"Bearer {os.environ['THEMIS_TOKEN']}"}\nBODY = ${python(body)}\n`;
  const loop = (indent, verb) => [
    "with requests.post(URL, headers=HEADERS, json=BODY, stream=True) as answer:",
    "    answer.raise_for_status()",
    "    for line in answer.iter_lines():",
    // What keeps a continuous stream alive is an empty line.
    ...(body.stream_mode === "continuous" ? ["        if line:", `            ${verb}`] : [`        ${verb}`]),
  ].map((line) => indent + line).join("\n");
  return [
    `curl -N -X POST ${endpoint} \\\n  -H "Authorization: Bearer $THEMIS_TOKEN" \\\n  -H "Content-Type: application/json" \\\n  -d ${shellQuoted(JSON.stringify(body))}`,
    `import json, os\nimport requests\n\n${head}\n${loop("", "sample = json.loads(line)")}`,
    `import json, os\nimport requests\nfrom torch.utils.data import DataLoader, IterableDataset\n\n${head}\n\nclass Stream(IterableDataset):\n    def __iter__(self):\n${loop("        ", "yield json.loads(line)")}\n\n\nloader = DataLoader(Stream(), batch_size=8, collate_fn=list)`,
    `import json, os\nimport requests\nfrom datasets import IterableDataset\n\n${head}\n\ndef samples():\n${loop("    ", "yield json.loads(line)")}\n\n\ndataset = IterableDataset.from_generator(samples)`,
  ];
}
