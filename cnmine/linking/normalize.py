"""Text → code points in which spellings of a name are equal, one for one, so that offsets stay those of the text."""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np

from cnmine.dtypes import CODEPOINT

VERSION = 1  # a knowledge base keeps the version it was built with
N_CODES = 0x110000
LETTER, DIGIT = 1, 2
N_CLASSES = 0x2000  # letters of the scripts that part words by blanks lie below

_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2500\ufe58\ufe63\uff0d"
_MIDDLE_DOTS = "\u2022\u2027\u2219\u22c5\u30fb\uff65"
_APOSTROPHES = "\u2019\u02bc"
_FOLDED_RANGES = ((0xF900, 0xFB00), (0xFF01, 0xFFE7), (0x2F800, 0x2FA20))  # compatibility ideographs, widths
_SCRIPTS = ((0x41, 0x250), (0x370, 0x530), (0x1E00, 0x2000))  # Latin, Greek, Cyrillic
_IDEOGRAPHS = (0x4E00, 0xA000)
_CASED_RANGES = (
    (0x41, 0x590),
    (0x10A0, 0x1400),
    (0x1E00, 0x2000),
    (0x2100, 0x2190),
    (0x24B6, 0x24D0),
    (0xFF21, 0xFF3B),
)
# Traditional and variant characters, each with the simplified one it is folded to. Those that simplified text uses
# too (乾 in 乾隆, 著 in 著名, 瞭 in 瞭望) stay as they are.
_SIMPLIFIED = (
    "並并亂乱亞亚佇伫佈布佔占併并來来侖仑侶侣俁俣係系俠侠倀伥倆俩倉仓個个們们倖幸倫伦偉伟側侧偵侦偽伪傑杰傖伧傘伞備备"
    "傢家傭佣傯偬傳传傴伛債债傷伤傾倾僂偻僅仅僉佥僑侨僕仆僞伪僥侥僨偾僱雇價价儀仪儂侬億亿儈侩儉俭儐傧儔俦儕侪儘尽償偿"
    "優优儲储儷俪儺傩儻傥儼俨兇凶兌兑兒儿兗兖內内兩两冊册冪幂凈净凍冻凜凛凱凯凴凭別别刪删剄刭則则剋克剎刹剛刚剝剥剮剐"
    "剴剀創创剷铲劃划劇剧劉刘劊刽劌刿劍剑劑剂勁劲動动務务勛勋勝胜勞劳勢势勦剿勱劢勳勋勵励勸劝勻匀匯汇匱匮區区協协卹恤"
    "卻却厙厍厭厌厲厉厴厣參参叢丛吳吴吶呐呂吕咼呙員员唄呗唸念問问啓启啞哑啟启喚唤喪丧喫吃喬乔單单喲哟嗆呛嗇啬嗎吗嗚呜"
    "嗩唢嗶哔嘆叹嘍喽嘔呕嘖啧嘗尝嘜唛嘩哗嘮唠嘯啸嘰叽嘵哓嘸呒噓嘘噝咝噠哒噥哝噦哕噯嗳噲哙噴喷噸吨嚀咛嚇吓嚐尝嚙啮嚥咽"
    "嚦呖嚨咙嚮向嚳喾嚴严嚶嘤囀啭囁嗫囂嚣囅冁囈呓囉啰囌苏囑嘱囪囱圇囵國国圍围園园圓圆圖图團团埡垭埰采執执堅坚堊垩堝埚"
    "堯尧報报場场塊块塋茔塏垲塒埘塗涂塚冢塢坞塤埙塵尘塹堑墊垫墜坠墮堕墳坟墻墙墾垦壇坛壎埙壓压壘垒壙圹壚垆壞坏壟垄壩坝"
    "壯壮壺壶壽寿夠够夢梦夥伙夾夹奐奂奧奥奩奁奪夺奮奋奼姹妝妆姍姗姦奸娛娱婁娄婦妇婭娅媧娲媯妫媼媪媽妈嫗妪嫵妩嫻娴嬈娆"
    "嬋婵嬌娇嬙嫱嬡嫒嬤嬷嬪嫔嬰婴嬸婶嬾懒孃娘孌娈孫孙學学孿孪宮宫寢寝實实寧宁審审寫写寬宽寵宠寶宝將将專专尋寻對对導导"
    "尷尴屆届屍尸屜屉屢屡層层屬属岡冈峯峰峴岘島岛峽峡崍崃崗岗崙仑崢峥嵐岚嵗岁嶁嵝嶄崭嶇岖嶔嵚嶗崂嶠峤嶢峣嶧峄嶸嵘嶺岭"
    "嶼屿嶽岳巋岿巒峦巔巅巖岩巰巯帥帅師师帳帐帶带幀帧幃帏幗帼幘帻幟帜幣币幫帮幬帱幹干幾几庫库廁厕廂厢廄厩廈厦廕荫廚厨"
    "廝厮廟庙廠厂廡庑廢废廣广廩廪廬庐廳厅弒弑弔吊弳弪張张強强彆别彈弹彌弥彎弯彙汇彞彝彠彟彥彦彫雕後后徑径從从徠徕徧遍"
    "復复徬彷徵征徹彻恆恒恠怪恡吝恥耻悅悦悵怅悶闷惡恶惱恼惲恽惻恻愛爱愜惬愨悫愴怆愷恺愾忾慄栗態态慍愠慘惨慚惭慟恸慣惯"
    "慪怄慫怂慮虑慳悭慶庆慼戚慾欲憂忧憊惫憐怜憑凭憒愦憚惮憤愤憫悯憮怃憲宪憶忆懇恳應应懌怿懍懔懟怼懣懑懨恹懲惩懶懒懷怀"
    "懸悬懺忏懼惧懾慑戀恋戇戆戔戋戧戗戩戬戰战戲戏戶户拋抛挾挟捨舍捫扪掃扫掄抡掙挣掛挂採采揀拣揚扬換换揮挥損损搖摇搗捣"
    "搶抢摑掴摜掼摟搂摯挚摳抠摶抟摺折摻掺撈捞撐撑撓挠撟挢撣掸撥拨撫抚撲扑撳揿撻挞撾挝撿捡擁拥擄掳擇择擊击擋挡擔担據据"
    "擠挤擡抬擬拟擯摈擰拧擱搁擲掷擴扩擷撷擺摆擻擞擼撸擾扰攄摅攆撵攏拢攔拦攖撄攙搀攛撺攜携攝摄攢攒攣挛攤摊攪搅攬揽敗败"
    "敘叙敵敌數数斂敛斃毙斕斓斬斩斷断於于昇升時时晉晋晝昼暈晕暉晖暘旸暢畅暫暂暱昵曄晔曆历曇昙曉晓曖暧曠旷曬晒書书會会"
    "朧胧朶朵東东枴拐柵栅桿杆梔栀條条梟枭棄弃棖枨棗枣棟栋棧栈棲栖椏桠楊杨楓枫楨桢業业極极榪杩榮荣榿桤構构槍枪槓杠槤梿"
    "槧椠槨椁槳桨樁桩樂乐樅枞樓楼標标樞枢樣样樸朴樹树樺桦橈桡橋桥機机橢椭橫横檁檩檉柽檔档檜桧檢检檣樯檯台檳槟檸柠檻槛"
    "櫃柜櫓橹櫚榈櫛栉櫝椟櫞橼櫟栎櫥橱櫧槠櫨栌櫪枥櫬榇櫳栊櫸榉櫺棂櫻樱欄栏權权欏椤欒栾欖榄欞棂欽钦歎叹歐欧歟欤歡欢歲岁"
    "歷历歸归歿殁殘残殞殒殤殇殫殚殮殓殯殡殲歼殺杀殼壳毀毁毆殴毿毵氈毡氌氇氣气氫氢氬氩氳氲汚污決决沒没沖冲況况洩泄洶汹"
    "浹浃涇泾涼凉淒凄淚泪淥渌淨净淪沦淵渊淶涞淺浅渙涣減减渦涡測测渾浑湊凑湞浈湧涌湯汤溈沩準准溝沟溫温滄沧滅灭滌涤滎荥"
    "滬沪滯滞滲渗滷卤滸浒滻浐滾滚滿满漁渔漚沤漢汉漣涟漬渍漲涨漵溆漸渐漿浆潁颍潑泼潔洁潛潜潤润潯浔潰溃潷滗潿涠澀涩澆浇"
    "澇涝澗涧澠渑澤泽澩泶澮浍澱淀濁浊濃浓濕湿濘泞濛蒙濟济濤涛濫滥濰潍濱滨濶阔濺溅濼泺濾滤瀅滢瀆渎瀉泻瀋沈瀏浏瀕濒瀘泸"
    "瀝沥瀟潇瀠潆瀦潴瀧泷瀨濑瀰弥瀲潋瀾澜灃沣灄滠灑洒灕漓灘滩灝灏灣湾灤滦灧滟災灾為为烏乌烴烃煉炼煒炜煙烟煢茕煥焕煩烦"
    "煬炀熒荧熗炝熱热熾炽燁烨燈灯燉炖燒烧燙烫燜焖營营燦灿燭烛燴烩燼烬燾焘爍烁爐炉爛烂爭争爲为爺爷爾尔牀床牆墙牘牍牠它"
    "牴抵牽牵犖荦犢犊犧牺狀状狹狭狽狈猙狰猶犹猻狲獁犸獄狱獅狮獎奖獨独獪狯獫猃獰狞獲获獵猎獷犷獸兽獺獭獻献獼猕玀猡珮佩"
    "現现琺珐琿珲瑋玮瑣琐瑤瑶瑩莹瑪玛璉琏璣玑璦瑷環环璽玺瓊琼瓏珑瓔璎瓚瓒甌瓯產产産产甦苏畝亩畢毕畫画異异當当疇畴疊叠"
    "疎疏痙痉痠酸痲麻瘋疯瘍疡瘓痪瘞瘗瘡疮瘧疟瘮瘆瘺瘘療疗癆痨癇痫癉瘅癎痫癒愈癘疠癟瘪癡痴癢痒癤疖癥症癩癞癬癣癭瘿癮瘾"
    "癰痈癱瘫癲癫發发皁皂皚皑皰疱皸皲皺皱盃杯盜盗盞盏盡尽監监盤盘盧卢盪荡眥眦眾众睏困睜睁睞睐瞇眯瞘眍瞞瞒瞼睑矇蒙矚瞩"
    "矯矫砲炮硃朱硤硖硨砗硯砚碩硕碭砀確确碼码磚砖磣碜磧碛磯矶磽硗礎础礙碍礦矿礪砺礫砾礬矾礱砻祇只祕秘祿禄禍祸禎祯禕祎"
    "禦御禪禅禮礼禰祢禱祷禿秃秈籼稅税稈秆稜棱稟禀稭秸種种稱称穀谷穉稚穌稣積积穎颖穢秽穩稳穫获窩窝窪洼窮穷窯窑窺窥竄窜"
    "竅窍竇窦竈灶竊窃競竞筆笔筍笋筧笕箇个箋笺箏筝節节範范築筑篋箧篤笃篩筛篳筚簀箦簍篓簞箪簡简簣篑簫箫簽签簾帘籃篮籌筹"
    "籙箓籟籁籠笼籤签籩笾籪簖籬篱籮箩籲吁粧妆粵粤糉粽糝糁糞粪糧粮糰团糴籴糶粜糾纠紀纪紂纣約约紅红紆纡紇纥紈纨紉纫紋纹"
    "納纳紐纽紓纾純纯紕纰紗纱紙纸級级紛纷紜纭紡纺紮扎細细紱绂紲绁紳绅紹绍紺绀紼绋紿绐絀绌終终組组絆绊絎绗結结絕绝絛绦"
    "絝绔絞绞絡络絢绚給给絨绒統统絲丝絳绛絹绢綁绑綃绡綆绠綈绨綏绥綑捆經经綜综綞缍綠绿綢绸綣绻綫线綬绶維维綰绾綱纲綳绷"
    "綴缀綵彩綸纶綹绺綺绮綻绽綽绰綾绫綿绵緄绲緇缁緊紧緋绯緒绪緗缃緘缄緙缂線线緝缉緞缎締缔緡缗緣缘緦缌編编緩缓緬缅緯纬"
    "緱缑緲缈練练緶缏緹缇緻致縈萦縉缙縊缢縋缒縐绉縑缣縕缊縗缞縛缚縝缜縞缟縟缛縣县縫缝縭缡縮缩縱纵縲缧縵缦縶絷縷缕縹缥"
    "總总績绩繃绷繅缫繆缪繒缯織织繕缮繚缭繞绕繡绣繢缋繩绳繪绘繫系繭茧繯缳繰缲繳缴繹绎繼继繽缤繾缱纈缬纊纩續续纍累纏缠"
    "纓缨纔才纖纤纘缵纜缆缽钵罈坛罌罂罎坛罰罚罵骂罷罢羅罗羆罴羈羁羣群羥羟羨羡義义習习翹翘翺翱耬耧聖圣聞闻聯联聰聪聲声"
    "聳耸聵聩聶聂職职聹聍聽听聾聋肅肃脅胁脈脉脛胫脣唇脫脱脹胀腎肾腖胨腡脶腦脑腫肿腳脚腸肠膃腽膚肤膠胶膩腻膽胆膾脍膿脓"
    "臉脸臍脐臏膑臘腊臚胪臟脏臠脔臥卧臨临臺台與与興兴舉举舊旧舖铺艙舱艤舣艦舰艫舻艱艰艷艳芻刍苧苎茲兹荊荆莊庄莖茎莢荚"
    "莧苋華华菸烟萇苌萊莱萬万萵莴葉叶葒荭葦苇葷荤蒓莼蒔莳蒞莅蒼苍蓀荪蓋盖蓮莲蓯苁蓽荜蔔卜蔘参蔞蒌蔣蒋蔥葱蔦茑蔭荫蕁荨"
    "蕆蒇蕎荞蕒荬蕓芸蕕莸蕘荛蕢蒉蕩荡蕪芜蕭萧蕷蓣薈荟薊蓟薌芗薑姜薔蔷薟莶薦荐薩萨薺荠藍蓝藎荩藝艺藥药藪薮藶苈藹蔼藺蔺"
    "蘄蕲蘆芦蘇苏蘊蕴蘋苹蘚藓蘞蔹蘢茏蘭兰蘺蓠蘿萝處处虛虚虜虏號号虧亏蛺蛱蛻蜕蜆蚬蝕蚀蝟猬蝦虾蝨虱蝸蜗螄蛳螞蚂螢萤螻蝼"
    "蟄蛰蟈蝈蟎螨蟣虮蟬蝉蟯蛲蟲虫蟶蛏蟻蚁蠅蝇蠆虿蠍蝎蠐蛴蠑蝾蠟蜡蠣蛎蠱蛊蠶蚕蠻蛮衆众衊蔑術术衛卫衝冲衹只袞衮裊袅裏里"
    "補补裝装裡里製制複复褲裤褳裢褸褛褻亵襖袄襝裣襠裆襤褴襪袜襬摆襯衬襲袭覈核見见規规覓觅視视覘觇覡觋覦觎親亲覬觊覯觏"
    "覲觐覷觑覺觉覽览覿觌觀观觴觞觸触訂订訃讣計计訊讯訌讧討讨訐讦訓训訕讪訖讫託托記记訛讹訝讶訟讼訣诀訥讷訪访設设許许"
    "訴诉訶诃診诊註注詁诂詆诋詎讵詐诈詒诒詔诏評评詘诎詛诅詞词詡诩詢询詣诣試试詩诗詫诧詬诟詭诡詮诠詰诘話话該该詳详詼诙"
    "詿诖誄诔誅诛誆诓誌志認认誑诳誒诶誕诞誘诱誚诮語语誠诚誡诫誣诬誤误誥诰誦诵誨诲說说誰谁課课誶谇誹诽誼谊調调諂谄諄谆"
    "談谈諉诿請请諍诤諏诹諑诼諒谅論论諗谂諛谀諜谍諞谝諡谥諢诨諤谔諦谛諧谐諫谏諭谕諮咨諱讳諳谙諶谌諷讽諸诸諺谚諼谖諾诺"
    "謀谋謁谒謂谓謅诌謊谎謎谜謐谧謔谑謖谡謗谤謙谦講讲謝谢謠谣謨谟謫谪謬谬謳讴謹谨謾谩證证譎谲譏讥譖谮識识譙谯譚谭譜谱"
    "譫谵譯译議议譴谴譾谫讀读變变讎雠讒谗讓让讕谰讖谶讚赞讜谠讞谳豈岂豎竖豐丰豔艳豬猪貍狸貓猫貝贝貞贞負负財财貢贡貧贫"
    "貨货販贩貪贪貫贯責责貯贮貰贳貲赀貳贰貴贵貶贬買买貸贷貺贶費费貼贴貽贻貿贸賀贺賁贲賂赂賃赁賄贿賅赅資资賈贾賊贼賑赈"
    "賒赊賓宾賕赇賚赉賜赐賞赏賠赔賡赓賢贤賣卖賤贱賦赋賧赕質质賬账賭赌賴赖賺赚賻赙購购賽赛賾赜贄贽贅赘贇赟贈赠贊赞贍赡"
    "贏赢贐赆贓赃贖赎贗赝贛赣趕赶趙赵趨趋趲趱跡迹踐践踴踊蹌跄蹕跸蹟迹蹣蹒蹤踪蹺跷躉趸躊踌躋跻躍跃躑踯躒跞躓踬躕蹰躚跹"
    "躡蹑躥蹿躦躜躪躏軀躯車车軋轧軌轨軍军軒轩軔轫軛轭軟软軫轸軲轱軸轴軹轵軺轺軻轲軼轶軾轼較较輅辂輇辁輈辀載载輊轾輒辄"
    "輔辅輕轻輛辆輜辎輝辉輞辋輟辍輥辊輦辇輩辈輪轮輯辑輸输輻辐輾辗轄辖轅辕轆辘轉转轍辙轎轿轔辚轟轰轡辔轢轹轤轳辦办辭辞"
    "辮辫辯辩農农迴回逕径這这連连週周進进遊游運运過过達达違违遙遥遜逊遞递遠远適适遲迟遷迁選选遺遗遼辽邁迈還还邇迩邊边"
    "邏逻邐逦邨村郟郏郵邮鄆郓鄉乡鄒邹鄔邬鄖郧鄧邓鄭郑鄰邻鄲郸鄴邺鄶郐鄺邝酈郦醃腌醜丑醞酝醫医醬酱釀酿釁衅釃酾釅酽釋释"
    "釐厘釓钆釔钇釕钌釗钊釘钉釙钋針针釣钓釤钐釦扣釧钏釩钒釵钗釷钍釹钕釺钎鈀钯鈁钫鈃钘鈄钭鈈钚鈉钠鈍钝鈎钩鈐钤鈑钣鈔钞"
    "鈕钮鈞钧鈣钙鈥钬鈦钛鈧钪鈮铌鈰铈鈳钶鈴铃鈷钴鈸钹鈹铍鈺钰鈽钸鈾铀鈿钿鉀钾鉅钜鉈铊鉉铉鉍铋鉑铂鉗钳鉚铆鉛铅鉞钺鉢钵"
    "鉤钩鉦钲鉬钼鉭钽鉸铰鉺铒鉻铬鉿铪銀银銃铳銅铜銑铣銓铨銖铢銘铭銚铫銜衔銠铑銣铷銥铱銦铟銨铵銩铥銪铕銫铯銬铐銱铞銲焊"
    "銳锐銷销銹锈銻锑銼锉鋁铝鋃锒鋅锌鋇钡鋌铤鋏铗鋒锋鋙铻鋟锓鋤锄鋥锃鋦锔鋨锇鋪铺鋮铖鋯锆鋰锂鋱铽鋸锯鋼钢錁锞錄录錆锖"
    "錐锥錒锕錕锟錘锤錙锱錚铮錛锛錠锭錢钱錦锦錨锚錫锡錮锢錯错錳锰錶表錸铼鍀锝鍁锨鍆钔鍇锴鍊炼鍋锅鍍镀鍔锷鍘铡鍚钖鍛锻"
    "鍤锸鍥锲鍬锹鍰锾鍵键鍶锶鍺锗鍾钟鎂镁鎄锿鎇镅鎊镑鎖锁鎘镉鎢钨鎦镏鎧铠鎩铩鎪锼鎬镐鎮镇鎰镒鎳镍鎵镓鏃镞鏇镟鏈链鏌镆"
    "鏍镙鏑镝鏗铿鏘锵鏜镗鏝镘鏞镛鏟铲鏡镜鏢镖鏤镂鏵铧鏷镤鏹镪鏽锈鐃铙鐋铴鐐镣鐓镦鐔镡鐘钟鐙镫鐠镨鐧锏鐨镄鐫镌鐮镰鐲镯"
    "鐳镭鐵铁鐸铎鐺铛鐿镱鑄铸鑊镬鑌镔鑑鉴鑒鉴鑠铄鑣镳鑥镥鑭镧鑰钥鑲镶鑷镊鑹镩鑼锣鑽钻門门閂闩閃闪閆闫閉闭開开閌闶閎闳"
    "閏闰閑闲閒闲間间閔闵閘闸閡阂閣阁閥阀閨闺閩闽閫阃閬阆閭闾閱阅閶阊閹阉閻阎閼阏閽阍閾阈閿阌闃阒闆板闈闱闊阔闋阕闌阑"
    "闍阇闐阗闓闿闔阖闕阙闖闯關关闞阚闡阐闢辟闥闼陘陉陝陕陞升陣阵陰阴陳陈陸陆陽阳隄堤隊队階阶隕陨際际隨随險险隱隐隴陇"
    "隸隶隻只雋隽雖虽雙双雛雏雜杂雞鸡離离難难雲云電电霧雾霽霁靂雳靄霭靈灵靚靓靜静靦腼靨靥鞏巩鞦秋鞵鞋韁缰韃鞑韆千韉鞯"
    "韋韦韌韧韓韩韙韪韜韬韞韫韻韵響响頁页頂顶頃顷項项順顺須须頊顼頌颂頎颀頏颃預预頑顽頒颁頓顿頗颇領领頜颌頡颉頤颐頭头"
    "頰颊頷颔頸颈頹颓頻频顆颗顋腮題题額额顎颚顏颜顓颛願愿顛颠類类顢颟顥颢顧顾顫颤顯显顰颦顱颅顳颞顴颧風风颯飒颱台颳刮"
    "颶飓颺飏颼飕飄飘飆飙飛飞飢饥飩饨飪饪飫饫飭饬飯饭飲饮飴饴飼饲飽饱飾饰餃饺餄饸餅饼餉饷養养餌饵餑饽餒馁餓饿餘余餚肴"
    "餛馄餞饯餡馅館馆餳饧餵喂餼饩餾馏餿馊饃馍饅馒饈馐饉馑饋馈饌馔饑饥饒饶饗飨饜餍饞馋馬马馭驭馱驮馳驰馴驯駁驳駐驻駑驽"
    "駒驹駔驵駕驾駘骀駙驸駛驶駝驼駟驷駢骈駭骇駰骃駱骆駸骎駿骏騁骋騂骍騅骓騍骒騎骑騏骐騖骛騙骗騤骙騫骞騭骘騮骝騶驺騷骚"
    "騸骟騾骡驁骜驂骖驃骠驄骢驅驱驊骅驌骕驍骁驏骣驕骄驗验驚惊驛驿驟骤驢驴驤骧驥骥驪骊骯肮髏髅髒脏髕髌髖髋髮发鬆松鬍胡"
    "鬚须鬢鬓鬥斗鬧闹鬨哄鬩阋鬮阄鬱郁魎魉魘魇魚鱼魯鲁魴鲂魷鱿鮁鲅鮃鲆鮐鲐鮑鲍鮒鲋鮓鲊鮚鲒鮞鲕鮪鲔鮫鲛鮭鲑鮮鲜鯀鲧鯁鲠"
    "鯇鲩鯉鲤鯊鲨鯛鲷鯡鲱鯢鲵鯤鲲鯧鲳鯨鲸鯪鲮鯫鲰鯰鲶鯽鲫鰈鲽鰉鳇鰍鳅鰒鳆鰓鳃鰣鲥鰥鳏鰨鳎鰩鳐鰭鳍鰱鲢鰲鳌鰳鳓鰷鲦鰹鲣"
    "鰻鳗鰾鳔鱅鳙鱈鳕鱉鳖鱒鳟鱔鳝鱖鳜鱗鳞鱘鲟鱟鲎鱧鳢鱭鲚鱷鳄鱸鲈鱺鲡鳥鸟鳧凫鳩鸠鳳凤鳴鸣鳶鸢鴆鸩鴇鸨鴉鸦鴒鸰鴕鸵鴛鸳"
    "鴝鸲鴞鸮鴟鸱鴣鸪鴦鸯鴨鸭鴯鸸鴰鸹鴻鸿鴿鸽鵂鸺鵑鹃鵒鹆鵓鹁鵜鹈鵝鹅鵠鹄鵡鹉鵪鹌鵬鹏鵰雕鵲鹊鶇鸫鶉鹑鶓鹋鶘鹕鶚鹗鶩鹜"
    "鶬鸧鶯莺鶴鹤鶿鹚鷂鹞鷄鸡鷓鹧鷗鸥鷙鸷鷥鸶鷲鹫鷳鹇鷸鹬鷹鹰鷺鹭鸌鹱鸕鸬鸚鹦鸛鹳鸝鹂鸞鸾鹵卤鹹咸鹼碱鹽盐麗丽麤粗麥麦"
    "麩麸麪面麯曲麴曲麵面麼么麽么黃黄黌黉點点黨党黴霉黷黩黿鼋鼇鳌鼉鼍鼴鼹齊齐齋斋齎赍齒齿齔龀齙龅齜龇齟龃齠龆齡龄齣出"
    "齦龈齧啮齪龊齬龉齲龋齷龌龍龙龐庞龔龚龕龛龜龟"
    "丟丢亙亘噹当嚕噜壢坜屨屦崑昆悽凄捲卷榦干樑梁汙污溼湿無无燬毁穡穑簑蓑網网縴纤羶膻菴庵蓆席蠔蚝証证詠咏誇夸謄誊譁哗譟噪護护譽誉輓挽輳辏輿舆轂毂鎚锤鏨錾鑾銮鑿凿長长閤合馮冯騰腾驀蓦體体鯖鲭鼕冬"
)


@cache
def fold_table() -> np.ndarray:
    """What every code point is folded to, ``uint32[0x110000]``, read-only.

    Letters become small, full-width forms narrow, dashes ``-``, middle dots ``·``, blanks U+0020, traditional
    characters simplified. What would become several characters stays.
    """
    fold = np.arange(N_CODES, dtype=CODEPOINT)
    for start, stop in _FOLDED_RANGES:
        for code in range(start, stop):
            _set_single(fold, code, unicodedata.normalize("NFKC", chr(code)))
    for characters, target in ((_SPACES, " "), (_DASHES, "-"), (_MIDDLE_DOTS, "·"), (_APOSTROPHES, "'")):
        fold[[ord(character) for character in characters]] = ord(target)
    for start, stop in _CASED_RANGES:
        for code in range(start, stop):
            _set_single(fold, code, chr(int(fold[code])).lower())
    codes = np.frombuffer("".join(_SIMPLIFIED).encode("utf-32-le"), CODEPOINT)
    fold[codes[::2]] = codes[1::2]
    fold = fold[fold]  # a compatibility ideograph may be a traditional one
    fold.flags.writeable = False
    return fold


def _set_single(fold: np.ndarray, code: int, target: str) -> None:
    if len(target) == 1:
        fold[code] = ord(target)


@cache
def _translation() -> dict[int, int]:
    fold = fold_table()
    codes = np.flatnonzero(fold != np.arange(N_CODES))
    return dict(zip(codes.tolist(), fold[codes].tolist(), strict=True))


@cache
def run_classes() -> np.ndarray:
    """Which normalized code points below ``N_CLASSES`` words and numbers are made of, ``uint8``, read-only."""
    classes = np.zeros(N_CLASSES, np.uint8)
    for start, stop in _SCRIPTS:
        for code in range(start, stop):
            if unicodedata.category(chr(code)).startswith("L"):
                classes[code] = LETTER
    classes[ord("0") : ord("9") + 1] = DIGIT
    classes.flags.writeable = False
    return classes


@cache
def content_table() -> np.ndarray:
    """Whether each code point is a letter, an ideograph or a digit, ``bool[0x110000]``, read-only."""
    table = np.zeros(N_CODES, np.bool_)
    for code in (*range(0xABFF), *range(0xAC00, 0xD7A4), *range(0xF900, 0x10000)):
        table[code] = _IDEOGRAPHS[0] <= code < _IDEOGRAPHS[1] or unicodedata.category(chr(code))[0] in "LN"
    table[0x10000:0x1F000] = True  # historic scripts; of no matter here
    table[0x20000:0x33480] = True
    table.flags.writeable = False
    return table


def code_points(text: str) -> np.ndarray:
    """Code points of a text as they are, ``uint32[len(text)]``; lone surrogates pass."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), CODEPOINT)


def normalize(text: str) -> np.ndarray:
    """Code points of a text with spellings folded, one for one.

    Parameters
    ----------
    text
        Any, lone surrogates and characters beyond the basic plane included.

    Returns
    -------
    ``uint32[len(text)]``; element ``i`` stands for ``text[i]``. Folding twice changes nothing.

    Examples
    --------
    >>> normalize_text("ＡＢ－霍華德．休斯・Ｊｒ")
    'ab-霍华德.休斯·jr'
    """
    return fold_table()[code_points(text)]


def normalize_text(text: str) -> str:
    """`normalize` as a string; faster for names."""
    return text.translate(_translation())


def decode(codes: np.ndarray) -> str:
    """The string of code points."""
    return np.ascontiguousarray(codes, CODEPOINT).tobytes().decode("utf-32-le", "surrogatepass")


def bigram_keys(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of neighbouring letters, ideographs or digits.

    Parameters
    ----------
    codes
        ``uint32[n]``, normalized.

    Returns
    -------
    ``int64[m]`` places of the first of each pair, and ``uint32[m]`` keys: the low 16 bits of the first code point
    times 65,536 plus those of the second.
    """
    is_content = content_table()[codes]
    places = np.flatnonzero(is_content[:-1] & is_content[1:])
    return places, (codes[places] << np.uint32(16)) | (codes[places + 1] & np.uint32(0xFFFF))
