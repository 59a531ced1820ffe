BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0013');
CREATE TABLE devices (
	job_id TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	device_id INTEGER NOT NULL, 
	ip TEXT NOT NULL, 
	port INTEGER NOT NULL, is_local BOOLEAN, host_name TEXT, 
	PRIMARY KEY (job_id, position), 
	FOREIGN KEY(job_id) REFERENCES jobs (job_id) ON DELETE CASCADE
);
INSERT INTO "devices" VALUES('2',0,1,'10.0.0.1',5002,1,'device-1');
INSERT INTO "devices" VALUES('2',1,2,'10.0.0.1',5003,1,'device-2');
INSERT INTO "devices" VALUES('3',0,1,'10.0.0.1',5004,1,'device-3');
CREATE TABLE epochs (
	job_id TEXT NOT NULL, 
	epoch INTEGER NOT NULL, 
	session INTEGER NOT NULL, 
	train_loss FLOAT, 
	samples_per_s FLOAT, metrics JSON DEFAULT '{}' NOT NULL, 
	PRIMARY KEY (job_id, epoch), 
	FOREIGN KEY(job_id) REFERENCES jobs (job_id) ON DELETE CASCADE
);
INSERT INTO "epochs" VALUES('2',1,1,2.33083085249461774424e+00,2.16721008449111977823e+04,'{"loss": 2.315047264099121, "accuracy": 0.1392757660167131, "top5_accuracy": 0.49025069637883006}');
INSERT INTO "epochs" VALUES('2',2,1,2.31671378410243855583e+00,95013.6091559148,'{"loss": 2.3043107986450195, "accuracy": 0.1392757660167131, "top5_accuracy": 0.48467966573816157}');
INSERT INTO "epochs" VALUES('2',3,1,2.30471937920022584833e+00,9.07131441024559317162e+04,'{"loss": 2.2933483123779297, "accuracy": 0.15598885793871867, "top5_accuracy": 0.5125348189415042}');
INSERT INTO "epochs" VALUES('2',4,2,2.29427483284092081916e+00,4.90540164831060392309e+04,'{"loss": 2.2870452404022217, "accuracy": 0.15877437325905291, "top5_accuracy": 0.5431754874651811}');
INSERT INTO "epochs" VALUES('2',5,2,2.28765751945790052346e+00,83161.1315672688,'{"loss": 2.2803430557250977, "accuracy": 0.1671309192200557, "top5_accuracy": 0.5682451253481894}');
INSERT INTO "epochs" VALUES('2',6,2,2.28093447158001705332e+00,8.212908750694007904e+04,'{"loss": 2.2735016345977783, "accuracy": 0.17827298050139276, "top5_accuracy": 0.5905292479108635}');
INSERT INTO "epochs" VALUES('2',7,2,2.2742256039704336068e+00,8.25025892644455452647e+04,'{"loss": 2.2661614418029785, "accuracy": 0.19220055710306408, "top5_accuracy": 0.6128133704735376}');
INSERT INTO "epochs" VALUES('2',8,2,2.26734981284851144778e+00,5.53797946666059724522e+04,'{"loss": 2.2586987018585205, "accuracy": 0.20334261838440112, "top5_accuracy": 0.6239554317548747}');
CREATE TABLE events (
	job_id TEXT NOT NULL, 
	"index" INTEGER NOT NULL, 
	at TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	text TEXT NOT NULL, 
	PRIMARY KEY (job_id, "index"), 
	FOREIGN KEY(job_id) REFERENCES jobs (job_id) ON DELETE CASCADE
);
INSERT INTO "events" VALUES('2',0,'2026-11-30T17:32:12.444+00:00','completed','Session 1 has ended');
INSERT INTO "events" VALUES('2',1,'2026-11-30T17:32:12.825+00:00','lost','device 2 (10.0.0.1:5003) is gone: its LayerActor or its Ray node ended (The actor died unexpectedly before finishing this task.)');
INSERT INTO "events" VALUES('2',2,'2026-11-30T17:32:12.826+00:00','rolled_back','Going back 1 steps, to the devices'' own snapshots');
INSERT INTO "events" VALUES('2',3,'2026-11-30T17:32:12.836+00:00','waiting','Waiting for 10.0.0.1:5003');
INSERT INTO "events" VALUES('2',4,'2026-11-30T17:32:12.878+00:00','stopped','Session 2 has ended');
CREATE TABLE jobs (
	job_id TEXT NOT NULL, 
	status TEXT NOT NULL, 
	error TEXT, 
	model_config JSON NOT NULL, 
	dataset_config JSON NOT NULL, 
	failure_policy JSON NOT NULL, 
	checkpoint_policy JSON NOT NULL, 
	next_device_id INTEGER NOT NULL, 
	run INTEGER NOT NULL, 
	generation INTEGER NOT NULL, 
	epochs_begun INTEGER NOT NULL, planning JSON, identity TEXT DEFAULT '' NOT NULL, data JSON, spec JSON, train_config JSON, 
	PRIMARY KEY (job_id)
);
INSERT INTO "jobs" VALUES('2','stopped',NULL,'{"layer_sizes": [64, 8, 8, 10]}','{"name": "digits", "batch_size": 512}','{"max_failures": 100, "min_devices": 2, "wait_for_device_s": null, "max_lost_steps": 30}','{"interval_s": 30.0, "keep_last": 2, "keep_best": 1}',3,1,2,8,'{"request": {"kind": "auto", "manual": {}, "limits": {}}, "profiles": {"1": {"cores": 1, "memory_bytes": 25276063744, "accelerator": null, "own": {"threads": 1, "matmul_flops_per_s": 150606792944.09848, "overhead": {"forward_s": 0.0002254031210634766, "backward_s": 0.0003327513482649321, "update_s": 9.298589361569864e-05}, "blocks": [{"work": {"key": "8eb03871ff469f164ca46195", "per_row": 384, "parameter_bytes": 288, "needs_input_grad": true}, "points": [{"rows": 32, "times": {"forward_s": 1.2262594593861039e-05, "backward_s": 9.176308914094432e-05, "input_grad_s": 0.0009205996801279855, "weight_grad_s": 0.0001423913762312902}}, {"rows": 128, "times": {"forward_s": 6.469365676734607e-06, "backward_s": 1.234072182493788e-05, "input_grad_s": 0.0005158379345571852, "weight_grad_s": 4.7143167022784545e-05}}, {"rows": 512, "times": {"forward_s": 5.385020636125156e-05, "backward_s": 0.0007280714928105135, "input_grad_s": 0.0029736301964809167, "weight_grad_s": 0.0006255088700973837}}], "update_s": 3.833621126185886e-05}, {"work": {"key": "a32663c542188e8d8ac2e82e", "per_row": 480, "parameter_bytes": 360, "needs_input_grad": true}, "points": [{"rows": 32, "times": {"forward_s": 0.0002740033073163496, "backward_s": 0.000387222779214939, "input_grad_s": 0.002541305943840994, "weight_grad_s": 0.0019318394779491773}}, {"rows": 128, "times": {"forward_s": 0.00011017314144324797, "backward_s": 5.4687575732726684e-05, "input_grad_s": 0.0011360101046495768, "weight_grad_s": 0.000899912323374253}}, {"rows": 512, "times": {"forward_s": 0.0003671942709821766, "backward_s": 0.0006663840440974316, "input_grad_s": 0.003721043186378579, "weight_grad_s": 0.002798135998501284}}], "update_s": 1.5570463663952476e-05}, {"work": {"key": "06fe7b0a5d9d7f347b3534de", "per_row": 2048, "parameter_bytes": 2080, "needs_input_grad": false}, "points": [{"rows": 32, "times": {"forward_s": 0.00018682773178863807, "backward_s": 8.97168466837891e-05, "input_grad_s": 0.0006178665826118476, "weight_grad_s": 0.0010298927902929699}}, {"rows": 128, "times": {"forward_s": 9.073903915304853e-06, "backward_s": 1.2517371840977867e-05, "input_grad_s": 0.00032698875408131693, "weight_grad_s": 0.0006510182692853519}}, {"rows": 512, "times": {"forward_s": 7.130790889258065e-05, "backward_s": 5.532284708380505e-05, "input_grad_s": 0.0005344064721743979, "weight_grad_s": 0.0009211842320471402}}], "update_s": 2.8709807023031026e-05}], "load_s": 9.724184016404998e-05, "load_per_row_s": 1.0580890156198393e-07}, "all_cores": null}, "2": {"cores": 1, "memory_bytes": 25276063744, "accelerator": null, "own": {"threads": 1, "matmul_flops_per_s": 67360786876.28175, "overhead": {"forward_s": 0.00017774050729790612, "backward_s": 0.00028883122381282117, "update_s": 7.530074206151978e-05}, "blocks": [{"work": {"key": "8eb03871ff469f164ca46195", "per_row": 384, "parameter_bytes": 288, "needs_input_grad": true}, "points": [{"rows": 32, "times": {"forward_s": 0.0001470435332782231, "backward_s": 0.00020162355156934895, "input_grad_s": 0.0003226639471052098, "weight_grad_s": 0.000147001863739488}}, {"rows": 128, "times": {"forward_s": 0.0002130376837082725, "backward_s": 0.00021806275158991207, "input_grad_s": 0.0003441296625237463, "weight_grad_s": 0.00015713962658549685}}, {"rows": 512, "times": {"forward_s": 9.702943668613987e-05, "backward_s": 9.975934974816469e-05, "input_grad_s": 0.00018965334045191744, "weight_grad_s": 8.418401863331395e-05}}], "update_s": 6.206750001574943e-05}, {"work": {"key": "a32663c542188e8d8ac2e82e", "per_row": 480, "parameter_bytes": 360, "needs_input_grad": true}, "points": [{"rows": 32, "times": {"forward_s": 0.00024110493843048134, "backward_s": 0.00036228131644845614, "input_grad_s": 0.0005136661596484864, "weight_grad_s": 0.00011534978069014805}}, {"rows": 128, "times": {"forward_s": 0.00025141316389226253, "backward_s": 0.000326530324293271, "input_grad_s": 0.0004681901638743168, "weight_grad_s": 0.00010170070853050131}}, {"rows": 512, "times": {"forward_s": 0.0004058644860194102, "backward_s": 0.0003515873006560002, "input_grad_s": 0.0005000631520766784, "weight_grad_s": 0.00011126700187958952}}], "update_s": 6.336409350159157e-05}, {"work": {"key": "06fe7b0a5d9d7f347b3534de", "per_row": 2048, "parameter_bytes": 2080, "needs_input_grad": false}, "points": [{"rows": 32, "times": {"forward_s": 0.00024679212928888804, "backward_s": 0.00025720021088402836, "input_grad_s": 0.00031502192924911366, "weight_grad_s": 0.0002632353847016478}}, {"rows": 128, "times": {"forward_s": 0.0002263170132003242, "backward_s": 0.00018718416265083926, "input_grad_s": 0.0002360380032102931, "weight_grad_s": 0.00020734605911448798}}, {"rows": 512, "times": {"forward_s": 0.00014870268134060035, "backward_s": 0.00026375077323410954, "input_grad_s": 0.00032241150842742325, "weight_grad_s": 0.00026846427895091136}}], "update_s": 0.00011307401294889143}], "load_s": 8.130440005032944e-05, "load_per_row_s": 3.3108549225476325e-07}, "all_cores": null}}, "links": [{"before": 1, "after": 2, "profile": {"kind": "actor_calls", "latency_s": 0.0003736934002348749, "bytes_per_s": 100000000000.0, "send_s": 0.00011695400098687969, "send_per_byte_s": 1.4783046209038186e-07}}]}','2-826d9b8cc88d9aa1','{"num_train": 1438, "num_val": 359, "fingerprint": "207adcca86d0b7d2ddd9679bcd468eb7"}','{"model": {"layers": [{"kind": "Linear", "arguments": [["in_features", 64], ["out_features", 8], ["bias", true]], "layers": []}, {"kind": "ReLU", "arguments": [], "layers": []}, {"kind": "Linear", "arguments": [["in_features", 8], ["out_features", 8], ["bias", true]], "layers": []}, {"kind": "ReLU", "arguments": [], "layers": []}, {"kind": "Linear", "arguments": [["in_features", 8], ["out_features", 10], ["bias", true]], "layers": []}], "inputs": {"shape": [64], "dtype": "float32"}, "seed": 0, "block_seeds": true}, "task": {"kind": "classification", "arguments": []}, "source": {"name": "digits", "arguments": [["resize", null], ["normalize", null], ["channels", null]]}, "data": {"name": "digits", "views": {"inputs": {"sample": {"shape": [1, 8, 8], "dtype": "float32"}, "scaling": {"mean": [0.3059], "std": [0.3763], "unit": 255.0}, "window": null, "repeated": 1}, "targets": {"sample": {"shape": [], "dtype": "int64"}, "scaling": null, "window": null, "repeated": 1}}, "num_classes": 10, "num_train": 1438, "num_val": 359, "task": "classification", "num_tokens": null, "vocabulary": null}, "shuffle": true, "batch_size": 512, "val_batch_size": 1000, "train": {"epochs": 10, "recipe": {"learning_rate": 0.1, "optimizer": {"kind": "SGD", "arguments": [["momentum", 0.0], ["dampening", 0.0], ["weight_decay", 0.0], ["nesterov", false]]}, "lr_schedule": {"kind": "constant", "arguments": [["warmup_steps", 0]]}, "label_smoothing": 0.0, "clip_grad_value": null, "clip_grad_norm": null, "accumulate": 1, "freeze": [], "eval_every": 2, "early_stopping": null, "precision": "fp32", "wire": "fp32"}, "num_microbatches": null, "schedule": "1f1b", "threads": null, "max_steps": null}, "initial_weights": null}','{"eval_every": 2}');
INSERT INTO "jobs" VALUES('3','initialized',NULL,'{"layer_sizes": [64, 8, 8, 10]}','{"name": "digits", "batch_size": 512}','{"max_failures": 100, "min_devices": 1, "wait_for_device_s": null, "max_lost_steps": null}','{"interval_s": 30.0, "keep_last": 2, "keep_best": 1}',2,1,1,0,'{"request": {"kind": "auto", "manual": {}, "limits": {}}, "profiles": {"1": {"cores": 1, "memory_bytes": 25276063744, "accelerator": null, "own": {"threads": 1, "matmul_flops_per_s": 119638506818.84354, "overhead": {"forward_s": 0.00010108822062709837, "backward_s": 0.0001914375694126881, "update_s": 4.59061807196921e-05}, "blocks": [{"work": {"key": "8eb03871ff469f164ca46195", "per_row": 384, "parameter_bytes": 288, "needs_input_grad": true}, "points": [{"rows": 32, "times": {"forward_s": 2.6939053406169804e-05, "backward_s": 4.241041221918023e-05, "input_grad_s": 8.332389575467398e-05, "weight_grad_s": 0.00010262722372880479}}, {"rows": 128, "times": {"forward_s": 3.558575676361433e-05, "backward_s": 3.515581018784274e-05, "input_grad_s": 7.438527624264145e-05, "weight_grad_s": 9.564855565427226e-05}}, {"rows": 512, "times": {"forward_s": 5.9140687022689836e-05, "backward_s": 2.995806319131456e-05, "input_grad_s": 6.798097142742474e-05, "weight_grad_s": 9.064850866789317e-05}}], "update_s": 1.1605998340333674e-05}, {"work": {"key": "a32663c542188e8d8ac2e82e", "per_row": 480, "parameter_bytes": 360, "needs_input_grad": true}, "points": [{"rows": 32, "times": {"forward_s": 8.248235013109599e-05, "backward_s": 3.8755972958563866e-05, "input_grad_s": 6.444069461804299e-05, "weight_grad_s": 3.395555884704953e-06}}, {"rows": 128, "times": {"forward_s": 0.00012053091595080124, "backward_s": 0.00012649429201833044, "input_grad_s": 0.00016523561459074016, "weight_grad_s": 3.5512460593832675e-05}}, {"rows": 512, "times": {"forward_s": 0.00024448519620444984, "backward_s": 0.00015312240191880849, "input_grad_s": 0.00019582633293598872, "weight_grad_s": 4.598970741924744e-05}}], "update_s": 8.608315270293734e-06}, {"work": {"key": "06fe7b0a5d9d7f347b3534de", "per_row": 2048, "parameter_bytes": 2080, "needs_input_grad": false}, "points": [{"rows": 32, "times": {"forward_s": 4.060009401052993e-05, "backward_s": 2.0844411407453032e-05, "input_grad_s": 3.966435899276475e-05, "weight_grad_s": 3.538733433795982e-05}}, {"rows": 128, "times": {"forward_s": 7.47723160994015e-05, "backward_s": 2.2660914363387123e-05, "input_grad_s": 4.170186801372883e-05, "weight_grad_s": 3.658875585890432e-05}}, {"rows": 512, "times": {"forward_s": 9.495591924044088e-05, "backward_s": 7.917159088382305e-05, "input_grad_s": 0.00010508795434793047, "weight_grad_s": 7.396449626879107e-05}}], "update_s": 2.1116007123777916e-05}], "load_s": 4.752786413349042e-05, "load_per_row_s": 1.3041286264502376e-07}, "all_cores": null}}, "links": []}','3-fd249658d593eefc','null','{"model": {"layers": [{"kind": "Linear", "arguments": [["in_features", 64], ["out_features", 8], ["bias", true]], "layers": []}, {"kind": "ReLU", "arguments": [], "layers": []}, {"kind": "Linear", "arguments": [["in_features", 8], ["out_features", 8], ["bias", true]], "layers": []}, {"kind": "ReLU", "arguments": [], "layers": []}, {"kind": "Linear", "arguments": [["in_features", 8], ["out_features", 10], ["bias", true]], "layers": []}], "inputs": {"shape": [64], "dtype": "float32"}, "seed": 0, "block_seeds": true}, "task": {"kind": "classification", "arguments": []}, "source": {"name": "digits", "arguments": [["resize", null], ["normalize", null], ["channels", null]]}, "data": {"name": "digits", "views": {"inputs": {"sample": {"shape": [1, 8, 8], "dtype": "float32"}, "scaling": {"mean": [0.3059], "std": [0.3763], "unit": 255.0}, "window": null, "repeated": 1}, "targets": {"sample": {"shape": [], "dtype": "int64"}, "scaling": null, "window": null, "repeated": 1}}, "num_classes": 10, "num_train": 1438, "num_val": 359, "task": "classification", "num_tokens": null, "vocabulary": null}, "shuffle": true, "batch_size": 512, "val_batch_size": 1000, "train": {"epochs": 10, "recipe": {"learning_rate": 0.1, "optimizer": {"kind": "SGD", "arguments": [["momentum", 0.0], ["dampening", 0.0], ["weight_decay", 0.0], ["nesterov", false]]}, "lr_schedule": {"kind": "constant", "arguments": [["warmup_steps", 0]]}, "label_smoothing": 0.0, "clip_grad_value": null, "clip_grad_norm": null, "accumulate": 1, "freeze": [], "eval_every": null, "early_stopping": null, "precision": "fp32", "wire": "fp32"}, "num_microbatches": null, "schedule": "1f1b", "threads": null, "max_steps": null}, "initial_weights": null}',NULL);
CREATE TABLE requests (
	"key" TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	writer_epoch INTEGER NOT NULL, 
	began_at FLOAT NOT NULL, 
	finished BOOLEAN NOT NULL, 
	answer JSON NOT NULL, boot TEXT DEFAULT 'unknown' NOT NULL, uptime_s FLOAT DEFAULT '0' NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE sessions (
	job_id TEXT NOT NULL, 
	"index" INTEGER NOT NULL, 
	options JSON NOT NULL, 
	num_microbatches INTEGER NOT NULL, 
	first_epoch_index INTEGER NOT NULL, 
	outcome TEXT, 
	num_failures INTEGER NOT NULL, 
	threads JSON NOT NULL, 
	channels JSON NOT NULL, 
	differences JSON NOT NULL, 
	progress JSON NOT NULL, 
	device_stats JSON NOT NULL, lost_steps INTEGER DEFAULT '0' NOT NULL, waiting_for JSON DEFAULT '[]' NOT NULL, last_cause TEXT, computed JSON DEFAULT '[]' NOT NULL, folder TEXT DEFAULT '' NOT NULL, stop_asked BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (job_id, "index"), 
	FOREIGN KEY(job_id) REFERENCES jobs (job_id) ON DELETE CASCADE
);
INSERT INTO "sessions" VALUES('2',1,'{"epochs": 3, "recipe": {"learning_rate": 0.1, "optimizer": {"kind": "SGD", "arguments": [["momentum", 0.0], ["dampening", 0.0], ["weight_decay", 0.0], ["nesterov", false]]}, "lr_schedule": {"kind": "constant", "arguments": [["warmup_steps", 0]]}, "label_smoothing": 0.0, "clip_grad_value": null, "clip_grad_norm": null, "accumulate": 1, "freeze": [], "eval_every": 2, "early_stopping": null, "precision": "fp32", "wire": "fp32"}, "num_microbatches": 4, "schedule": "1f1b", "threads": 1, "max_steps": null}',4,0,'completed',0,'{"1": 1, "2": 1}','["actor_calls"]','[]','{"epoch": 3, "epochs": 3, "step": 3, "steps": 3, "loss": 2.309257924556732, "samples_per_s": 90713.14410245593}','{"1": {"forward_tflops": 0.000705388513446898, "backward_tflops": 0.0004327090799195889, "total_tflops": 0.0011380975933664868, "computing_s": 0.028288102010264993, "waiting_s": 0.07094393202351057, "updating_s": 0.0007198449966381304, "snapshots_s": 0.0026237689999106806, "snapshot_interval_s": null, "max_activations_held": 2}, "2": {"forward_tflops": 8.061271458741168e-05, "backward_tflops": 0.00012105041534435811, "total_tflops": 0.0002016631299317698, "computing_s": 0.020422293004230596, "waiting_s": 0.07314670600317186, "updating_s": 0.0007862460042815655, "snapshots_s": 0.006205687997862697, "snapshot_interval_s": null, "max_activations_held": 1}}',0,'[]',NULL,'[{"first_step": 0, "layers": [{"start": 0, "end": 3, "threads": 1, "host": {"tandem": "0.2.0", "torch": "2.13.0+cpu", "cpu": "Intel(R) Xeon(R) Processor, AVX512", "device": "CPU"}, "devices": [1, 2]}]}]','session-1-0e5e4b25d7196dd7',0);
INSERT INTO "sessions" VALUES('2',2,'{"epochs": 100000, "recipe": {"learning_rate": 0.05, "optimizer": {"kind": "SGD", "arguments": [["momentum", 0.0], ["dampening", 0.0], ["weight_decay", 0.0], ["nesterov", false]]}, "lr_schedule": {"kind": "constant", "arguments": [["warmup_steps", 0]]}, "label_smoothing": 0.0, "clip_grad_value": null, "clip_grad_norm": null, "accumulate": 1, "freeze": [], "eval_every": 2, "early_stopping": null, "precision": "fp32", "wire": "fp32"}, "num_microbatches": 4, "schedule": "1f1b", "threads": 1, "max_steps": null}',4,3,'stopped',1,'{"1": 1, "2": 1}','["actor_calls"]','[]','{"epoch": 5, "epochs": 100000, "step": 3, "steps": 3, "loss": 2.2678017616271973, "samples_per_s": 60336.3255142988}','{"1": {"forward_tflops": 0.0006698396371356804, "backward_tflops": 0.0006132218240481747, "total_tflops": 0.001283061461183855, "computing_s": 0.07043249502021354, "waiting_s": 0.0783055889805837, "updating_s": 0.002817803997459123, "snapshots_s": 0.0029970900031912606, "snapshot_interval_s": 0.17692774799797917, "max_activations_held": 2}, "2": {"forward_tflops": 7.987603563930125e-05, "backward_tflops": 0.00010932881461392149, "total_tflops": 0.00018920485025322275, "computing_s": 0.043972409981506644, "waiting_s": 0.06281750103880768, "updating_s": 0.0036891399940941483, "snapshots_s": 0.004519595997408032, "snapshot_interval_s": 0.17373045299973455, "max_activations_held": 1}}',1,'[]','device 2 (10.0.0.1:5003) is gone: its LayerActor or its Ray node ended (The actor died unexpectedly before finishing this task.)','[{"first_step": 0, "layers": [{"start": 0, "end": 3, "threads": 1, "host": {"tandem": "0.2.0", "torch": "2.13.0+cpu", "cpu": "Intel(R) Xeon(R) Processor, AVX512", "device": "CPU"}, "devices": [1, 2]}]}, {"first_step": 15, "layers": []}]','session-2-a0a6b48239df4800',1);
CREATE TABLE stages (
	job_id TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	device_id INTEGER NOT NULL, 
	start INTEGER NOT NULL, 
	"end" INTEGER NOT NULL, 
	PRIMARY KEY (job_id, position), 
	FOREIGN KEY(job_id) REFERENCES jobs (job_id) ON DELETE CASCADE
);
INSERT INTO "stages" VALUES('2',0,1,0,2);
INSERT INTO "stages" VALUES('2',1,2,2,3);
INSERT INTO "stages" VALUES('3',0,1,0,3);
CREATE TABLE steps (
	job_id TEXT NOT NULL, 
	epoch INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	loss FLOAT, metrics JSON, 
	PRIMARY KEY (job_id, epoch, step), 
	FOREIGN KEY(job_id) REFERENCES jobs (job_id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "steps" VALUES('2',1,1,2.33066207170486450195e+00,NULL);
INSERT INTO "steps" VALUES('2',1,2,2.33692598342895507812e+00,'{"loss": 2.319401741027832, "accuracy": 0.13370473537604458, "top5_accuracy": 0.49025069637883006}');
INSERT INTO "steps" VALUES('2',1,3,2.32350164651870727539e+00,NULL);
INSERT INTO "steps" VALUES('2',2,1,2.32639133930206298828e+00,'{"loss": 2.311756134033203, "accuracy": 0.1392757660167131, "top5_accuracy": 0.48746518105849584}');
INSERT INTO "steps" VALUES('2',2,2,2.30976641178131103515e+00,NULL);
INSERT INTO "steps" VALUES('2',2,3,2.3133373260498046875e+00,NULL);
INSERT INTO "steps" VALUES('2',3,1,2.31520974636077880859e+00,NULL);
INSERT INTO "steps" VALUES('2',3,2,2.29055917263031,'{"loss": 2.2973108291625977, "accuracy": 0.14763231197771587, "top5_accuracy": 0.48746518105849584}');
INSERT INTO "steps" VALUES('2',3,3,2.30925792455673217773e+00,NULL);
INSERT INTO "steps" VALUES('2',4,1,2.29706984758377075195e+00,NULL);
INSERT INTO "steps" VALUES('2',4,2,2.29759609699249267578e+00,'{"loss": 2.2888946533203125, "accuracy": 0.15877437325905291, "top5_accuracy": 0.532033426183844}');
INSERT INTO "steps" VALUES('2',4,3,2.2867107391357421875e+00,NULL);
INSERT INTO "steps" VALUES('2',5,1,2.29302906990051269531e+00,'{"loss": 2.284931182861328, "accuracy": 0.15877437325905291, "top5_accuracy": 0.5515320334261838}');
INSERT INTO "steps" VALUES('2',5,2,2.29520881175994873046e+00,NULL);
INSERT INTO "steps" VALUES('2',5,3,2.27167564630508422851e+00,NULL);
INSERT INTO "steps" VALUES('2',6,1,2.28411972522735595703e+00,NULL);
INSERT INTO "steps" VALUES('2',6,2,2.28260892629623413085e+00,'{"loss": 2.2755532264709473, "accuracy": 0.17548746518105848, "top5_accuracy": 0.584958217270195}');
INSERT INTO "steps" VALUES('2',6,3,2.27492439746856689453e+00,NULL);
INSERT INTO "steps" VALUES('2',7,1,2.27223563194274902343e+00,'{"loss": 2.271656036376953, "accuracy": 0.18662952646239556, "top5_accuracy": 0.5933147632311978}');
INSERT INTO "steps" VALUES('2',7,2,2.27456039190292358398e+00,NULL);
INSERT INTO "steps" VALUES('2',7,3,2.27627259492874145507e+00,NULL);
INSERT INTO "steps" VALUES('2',8,1,2.27346342802047729492e+00,NULL);
INSERT INTO "steps" VALUES('2',8,2,2.26087075471878051757e+00,'{"loss": 2.261197566986084, "accuracy": 0.1977715877437326, "top5_accuracy": 0.6183844011142061}');
INSERT INTO "steps" VALUES('2',8,3,2.26780176162719726562e+00,NULL);
CREATE TABLE store_state (
	id INTEGER NOT NULL, 
	writer_epoch INTEGER NOT NULL, 
	next_job_number INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT one_row CHECK (id = 1)
);
INSERT INTO "store_state" VALUES(1,1,4);
CREATE TABLE teraflops (
	sequence INTEGER NOT NULL, 
	job_id TEXT NOT NULL, 
	run INTEGER NOT NULL, 
	session_index INTEGER NOT NULL, 
	devices JSON NOT NULL, 
	PRIMARY KEY (sequence), 
	CONSTRAINT one_entry_a_session UNIQUE (job_id, run, session_index)
);
INSERT INTO "teraflops" VALUES(1,'1',1,1,'{"1": {"forward_tflops": 0.0006323012358319569, "backward_tflops": 0.0008175131447436413, "total_tflops": 0.0014498143805755982}}');
INSERT INTO "teraflops" VALUES(2,'2',1,1,'{"1": {"forward_tflops": 0.000705388513446898, "backward_tflops": 0.0004327090799195889, "total_tflops": 0.0011380975933664868}, "2": {"forward_tflops": 8.061271458741168e-05, "backward_tflops": 0.00012105041534435811, "total_tflops": 0.0002016631299317698}}');
INSERT INTO "teraflops" VALUES(3,'2',1,2,'{"1": {"forward_tflops": 0.0006698396371356804, "backward_tflops": 0.0006132218240481747, "total_tflops": 0.001283061461183855}, "2": {"forward_tflops": 7.987603563930125e-05, "backward_tflops": 0.00010932881461392149, "total_tflops": 0.00018920485025322275}}');
COMMIT;
