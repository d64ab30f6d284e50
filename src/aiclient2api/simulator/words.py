"""Tables of words, one string each: cities, words too common to tell tools apart, colours."""

_CHINESE_CITIES = (
    "北京 上海 广州 深圳 杭州 成都 重庆 天津 南京 武汉 西安 苏州 青岛 厦门 长沙 大连 昆明 哈尔滨 香港 澳门 台北"
    " 东京 大阪 首尔 新加坡 曼谷 纽约 洛杉矶 旧金山 伦敦 巴黎 柏林 慕尼黑 罗马 马德里 莫斯科 悉尼 多伦多 迪拜"
)
_CITIES = (
    "Beijing,Shanghai,Guangzhou,Shenzhen,Hangzhou,Chengdu,Singapore,Tokyo,Osaka,Kyoto,Seoul,Bangkok,Delhi,Mumbai,London,"
    "Paris,Berlin,Munich,Hamburg,Vienna,Zurich,Rome,Milan,Madrid,Barcelona,Lisbon,Dublin,Amsterdam,Brussels,Copenhagen,"
    "Stockholm,Oslo,Helsinki,Warsaw,Prague,Athens,Istanbul,Moscow,Cairo,Nairobi,Lagos,Sydney,Melbourne,Auckland,Toronto,"
    "Vancouver,Montreal,Chicago,Boston,Seattle,Austin,Denver,Miami,Houston,Dallas,Dubai,New York,San Francisco,"
    "Los Angeles,Hong Kong,Mexico City,Sao Paulo,Buenos Aires"
)
CHINESE_CITIES = tuple(_CHINESE_CITIES.split())
CITIES = tuple(_CITIES.split(","))

_COMMON = (
    "get set the and for with this that from into your you can tool use used return call given name what how about"
    " which please does will are was has have all any one two file text list data current user it say then"
)
_COMMON_CHINESE = "某个 一个 这个 什么 如何 怎么 可以 使用 用户 查询 工具 返回 获取"
COMMON = frozenset(f"{_COMMON} {_COMMON_CHINESE}".split())
"""Words that name nothing in particular."""

_COLOURS = "黑色 白色 灰色 红色 绿色 蓝色 黄色 橙色 紫色 粉色 棕色 青色"
CHINESE_COLOURS = tuple(_COLOURS.split())
"""In the order in which seeing names them."""
