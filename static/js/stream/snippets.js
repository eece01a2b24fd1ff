// The code that runs a stream request: curl, Python, PyTorch, HuggingFace, the command themis.
const ENV_TOKEN = `os.environ["THEMIS_TOKEN"]`;

const shellQuoted = (words) => `'${words.replaceAll("'", "'\\''")}'`;

// Python's literals differ from JSON's in three words.
function python(value, depth = 0) {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null) return "None";
  if (Array.isArray(value)) return `[${value.map((each) => python(each, depth)).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  const pad = "    ".repeat(depth);
  const items = Object.entries(value).map(
    ([key, each]) => `${pad}    ${JSON.stringify(key)}: ${python(each, depth + 1)},`,
  );
  return `{\n${items.join("\n")}\n${pad}}`;
}

// One a tab, in the order of the tabs that the page has.
export function snippets(endpoint, body) {
  const request = {
    endpoint,
    origin: new URL(endpoint).origin,
    json: shellQuoted(JSON.stringify(body)),
    query: `QUERY = ${python(body)}`,
    endless: body.stream_mode === "continuous",
  };
  return [curl, requests, pytorch, huggingface, themis].map((program) => program(request));
}

const curl = ({ endpoint, json }) => `curl -N -X POST ${endpoint} \\
  -H "Authorization: Bearer $THEMIS_TOKEN" \\
  -H "Content-Type: application/json" \\
  -d ${json}`;

const requests = ({ endpoint, query, endless }) => `import json, os
import requests

URL = ${JSON.stringify(endpoint)}
HEADERS = {"Authorization": f"Bearer {os.environ['THEMIS_TOKEN']}"}
${query}

with requests.post(URL, headers=HEADERS, json=QUERY, stream=True) as answer:
    answer.raise_for_status()
    for line in answer.iter_lines():
${endless ? EACH_OF_ENDLESS : EACH}`;

const EACH = "        sample = json.loads(line)";
// What keeps a continuous stream alive is an empty line.
const EACH_OF_ENDLESS = `        if line:
            sample = json.loads(line)`;

const pytorch = ({ origin, query }) => `# pip install "themisdb-datasets[torch]"
import os
from torch.utils.data import DataLoader
from themisdb_datasets import ThemisDBStreamDataset

${query}

dataset = ThemisDBStreamDataset(${JSON.stringify(origin)}, ${ENV_TOKEN}, QUERY)
loader = DataLoader(dataset, batch_size=32, num_workers=2)`;

const huggingface = (request) => `# pip install "themisdb-datasets[hf]"
import os
${request.endless ? generated(request) : loaded(request)}`;

const loaded = ({ origin, query }) => `from themisdb_datasets import load

${query}

dataset = load(QUERY, base_url=${JSON.stringify(origin)}, token=${ENV_TOKEN})`;

const generated = ({ origin, query }) => `from datasets import IterableDataset
from themisdb_datasets import themisdb_generator

${query}

dataset = IterableDataset.from_generator(
    themisdb_generator,
    gen_kwargs={"base_url": ${JSON.stringify(origin)}, "token": ${ENV_TOKEN}, "query_params": QUERY},
)`;

const themis = ({ origin, json, endless }) => `export THEMIS_URL=${origin}
themis stream${endless ? "" : " --output samples.jsonl"} \\
  --query ${json}`;
