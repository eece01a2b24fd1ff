// The code that runs a stream request: curl, Python, PyTorch, HuggingFace, the command themis.
const shellQuoted = (words) => `'${words.replaceAll("'", "'\\''")}'`;

// Python's literals differ from JSON's in three words.
function python(value, depth = 0) {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null) return "None";
  if (Array.isArray(value)) return `[${value.map((each) => python(each, depth)).join(", ")}]`;
  if (typeof value === "object") {
    const pad = "    ".repeat(depth + 1);
    return `{\n${Object.entries(value)
      .map(([key, each]) => `${pad}${JSON.stringify(key)}: ${python(each, depth + 1)},`)
      .join("\n")}\n${"    ".repeat(depth)}}`;
  }
  return JSON.stringify(value);
}

const ENV_TOKEN = `os.environ["THEMIS_TOKEN"]`;

export function snippets(endpoint, body) {
  const address = JSON.stringify(new URL(endpoint).origin);
  const query = `QUERY = ${python(body)}`;
  const endless = body.stream_mode === "continuous";
  // What keeps a continuous stream alive is an empty line.
  const each = endless
    ? "        if line:\n            sample = json.loads(line)"
    : "        sample = json.loads(line)";
  const hugging = endless
    ? `from datasets import IterableDataset\nfrom themisdb_datasets import themisdb_generator\n\n${query}\n\ndataset = IterableDataset.from_generator(\n    themisdb_generator,\n    gen_kwargs={"base_url": ${address}, "token": ${ENV_TOKEN}, "query_params": QUERY},\n)`
    : `from themisdb_datasets import load\n\n${query}\n\ndataset = load(QUERY, base_url=${address}, token=${ENV_TOKEN})`;
  return [
    `curl -N -X POST ${endpoint} \\\n  -H "Authorization: Bearer $THEMIS_TOKEN" \\\n  -H "Content-Type: application/json" \\\n  -d ${shellQuoted(JSON.stringify(body))}`,
    `import json, os\nimport requests\n\nURL = ${JSON.stringify(endpoint)}\nHEADERS = {"Authorization": f"Bearer {os.environ['THEMIS_TOKEN']}"}\n${query}\n\nwith requests.post(URL, headers=HEADERS, json=QUERY, stream=True) as answer:\n    answer.raise_for_status()\n    for line in answer.iter_lines():\n${each}`,
    `# pip install "themisdb-datasets[torch]"\nimport os\nfrom torch.utils.data import DataLoader\nfrom themisdb_datasets import ThemisDBStreamDataset\n\n${query}\n\ndataset = ThemisDBStreamDataset(${address}, ${ENV_TOKEN}, QUERY)\nloader = DataLoader(dataset, batch_size=32, num_workers=2)`,
    `# pip install "themisdb-datasets[hf]"\nimport os\n${hugging}`,
    `export THEMIS_URL=${new URL(endpoint).origin}\nthemis stream${endless ? "" : " --output samples.jsonl"} \\\n  --query ${shellQuoted(JSON.stringify(body))}`,
  ];
}
