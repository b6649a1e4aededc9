-- What Lua can do; the same on every machine, so no clock, no addresses and no order of pairs().
print(_VERSION, arg[0], #arg, arg[1], arg[2])

local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
print("fib", fib(22))

print(string.format("%d %5.2f %g %e %a %x %q %s", 42, math.pi, 1e100, 1 / 3, 0.1, 255, "a\n\"b\"", {} ~= nil))
print(7 // 2, -7 // 2, 7 % -3, 7.5 // 2, 2 ^ 0.5, 1 / 0, -1 / 0, 3 | 4, ~0, 1 << 62, 10 / 2)
print(math.maxinteger + 1 == math.mininteger, math.tointeger(3.0), math.type(1), math.type(1.0), 1e15, 2 ^ 53)
for i = 0, 6 do io.write(string.format("%.10f ", math.sin(i) + math.exp(-i) * math.log(i + 1))) end
print()

print(("The quick brown fox"):gsub("%w+", function(w) return w:reverse() end))
print(("key=value; other=thing"):match("(%w+)=(%w+); (%w+)=(%w+)"))
print(utf8.char(228, 8364, 128512), utf8.len("äöü"), #"äöü")
print(string.pack("<i4d", 7, 1.5):byte(1, -1))

local words = {}
for line in io.lines("words.txt") do
    for word in line:gmatch("%a+") do words[#words + 1] = word end
end
table.sort(words, function(a, b) return #a == #b and a < b or #a < #b end)
print(#words, table.concat(words, " "))

local primes, sieve = {}, {}
for i = 2, 20000 do
    if not sieve[i] then
        primes[#primes + 1] = i
        for j = i * i, 20000, i do sieve[j] = true end
    end
end
print("primes", #primes, primes[#primes])

local function walk(n)
    return coroutine.wrap(function() for i = 1, n do coroutine.yield(i * i) end end)
end
local squares = {}
for s in walk(10) do squares[#squares + 1] = s end
print(table.unpack(squares))

local Point = {}
Point.__index = Point
Point.__add = function(a, b) return setmetatable({x = a.x + b.x, y = a.y + b.y}, Point) end
Point.__tostring = function(p) return "(" .. p.x .. ", " .. p.y .. ")" end
print(tostring(setmetatable({x = 1, y = 2.5}, Point) + setmetatable({x = 3, y = 4}, Point)))

print(pcall(error, {code = 3}) == false, select(2, pcall(function() local x = nil; return x.field end)))
print(pcall(string.rep))
print(io.open("/nowhere/at/all", "r"))
print(load("return 1 +")) 
print(select("#", load("return 1, nil, 3")()))

local t = {}
for i = 1, 30000 do t[i] = tostring(i * 7919 % 30011) end
table.sort(t)
local sum = 0
for i, v in ipairs(t) do sum = (sum * 31 + #v * i + v:byte(-1)) % 1000000007 end
print("sum", sum)

local strings = {}
for i = 1, 3000 do strings[#strings + 1] = ("x"):rep(i % 97) .. i end
local all = table.concat(strings)
strings = nil
collectgarbage()
print(#all, all:sub(-20), collectgarbage("count") < 20000)
local depth = 0
local function down() depth = depth + 1; down() end
print(pcall(down) == false, depth > 1000)
