-- SPDX-License-Identifier: MIT
-- Run each file of Lua's test suite and print one line for each. Left out are all.lua, which runs
-- the others, checktable.lua, which is a library of theirs, and main.lua, which runs the
-- interpreter as another process.

package.path = "?;./?.lua;" .. package.path
math.randomseed(0)
local print, tostring, ipairs = print, tostring, ipairs

local function run(name)
  local chunk, why = loadfile(name)
  if not chunk then return false, why end
  if name ~= "big.lua" then return pcall(chunk) end
  -- It yields twice, because it is to run in a coroutine.
  local thread = coroutine.create(chunk)
  for _, expected in ipairs{"b", "a"} do
    local fine, result = coroutine.resume(thread)
    if not fine or result ~= expected then return false, tostring(result) end
  end
  return true
end

local names = {
  "gc", "db", "calls", "strings", "literals", "attrib", "locals", "constructs", "code", "big",
  "nextvar", "pm", "api", "events", "vararg", "closure", "errors", "math", "sort", "verybig",
  "files",
}
for _, name in ipairs(names) do
  local fine, why = run(name .. ".lua")
  local reason = fine and "" or ": " .. tostring(why):gsub("\n.*", "")
  io.output(io.stdout)
  print("\ncase " .. name .. ": " .. (fine and "passed" or "failed") .. reason)
end
